"""Ephemeral stacks in the real engine: whatever goes wrong ends in a clear message, and leaves nothing behind."""

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.support import api_server
from tests.support.ephemeral import Commands, appeared, commands, ended, kill
from tests.support.project import Project


@pytest.fixture
def ops(project: Project, tmp_path: Path) -> Iterator[Commands]:  # noqa: ARG001 - needs pulumi
    (tmp_path / "ephemeral").mkdir()
    with commands(tmp_path / "ephemeral") as made:
        yield made


REFUSED = [
    (("up", "a", "--platform", "prod"), "is production"),
    (("up", "a", "--platform", "qa"), "is no stack with a platform"),
    (("up", "My_Branch"), "is not a DNS label"),
    (("up", "-a"), "No such option"),
    (("up", "a."), "is not a DNS label"),
    (("up", "a" * 60), "room for 59"),
    (("up", "a", "--ttl", "8d"), "more than a week"),
    (("up", "a", "--ttl", "169h"), "more than a week"),
    (("up", "a", "--ttl", "soon"), "no time to live"),
    (("up", "a", "--ttl", "0h"), "no time to live"),
    (("up", "a", "--image", "acme/cosyvoice:latest"), "can change under a running service"),
    (("up", "a", "--with-outputs"), "is for --from-snapshot"),
    (("up", "a", "--from-snapshot"), "has no volume of weights"),
    (("up", "a", "--cluster", "other"), "has put nothing onto the embedded cluster other"),
    (("extend", "a"), "There is no ephemeral stack a"),
    (("extend", "a", "--ttl", "8d"), "more than a week"),
    (("down", "a"), "There is no ephemeral stack a"),
    (("down", "../a"), "is not a DNS label"),
]


@pytest.mark.parametrize(("arguments", "why"), REFUSED, ids=[" ".join(row[0])[:40] for row in REFUSED])
def test_refused_in_one_line(ops: Commands, arguments: tuple[str, ...], why: str) -> None:
    finished = ops.run(*arguments)
    assert finished.returncode != 0
    assert why in finished.stderr
    assert "Traceback" not in finished.stderr
    assert ops.stacks == [], "a refusal has left a stack"


def test_a_protected_platform_is_refused(ops: Commands) -> None:
    file = ops.place.parent / "Pulumi.local.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"]["tts-platform:deletionProtection"] = "true"
    file.write_text(yaml.safe_dump(document))
    finished = ops.run("up", "a")
    assert finished.returncode == 1
    assert "is protected (deletionProtection)" in finished.stderr


def test_a_kubeconfig_that_leads_elsewhere_is_refused(ops: Commands) -> None:
    with api_server.running() as other:
        ops.lead_to(other.url)
        finished = ops.run("up", "a")
        assert finished.returncode == 1
        assert f"leads to {other.url}" in finished.stderr
        assert "stack local is at" in finished.stderr
        assert not other.requests, "somebody else's cluster was asked"


def test_a_life_from_up_to_down(ops: Commands) -> None:
    made = ops.json("up", "one", "--ttl", "1h")
    again = ops.json("up", "one", "--ttl", "2h", "--image", "localhost/tts-platform/espeak:1.0.1")
    assert made["url"] == again["url"] == "https://one.tts.localhost:8443/"
    assert again["expires"] > made["expires"]
    longer = ops.json("extend", "one", "--ttl", "3h")
    assert longer["expires"] > again["expires"]
    (row,) = ops.json("list")
    assert row["image"] == "localhost/tts-platform/espeak:1.0.1", "extend has changed more than the end"
    assert row["expires"] == longer["expires"]
    finished = ops.run("down", "one")
    assert finished.returncode == 0, finished.stderr
    assert ops.json("list") == ops.stacks == []
    assert not list(ops.program.glob("**/Pulumi.ephemeral*")), "something was written into the checkout"


def test_another_machine_prolongs_and_ends_it(ops: Commands) -> None:
    ops.json("up", "one", "--ttl", "1h")
    for file in (ops.place / "ephemeral-one").iterdir():
        file.unlink()
    assert ops.json("extend", "one", "--ttl", "2h")["url"] == "https://one.tts.localhost:8443/", (
        "what the stack is made of was in that machine's files alone"
    )
    for file in (ops.place / "ephemeral-one").iterdir():
        file.unlink()
    assert ops.run("down", "one").returncode == 0
    assert ops.stacks == []


class TestNamesThatCollide:
    def test_a_namespace_that_is_somebody_elses(self, ops: Commands) -> None:
        ops.api.add("namespaces", {"metadata": {"name": "tts-one", "labels": {"team": "other"}}})
        finished = ops.run("up", "one")
        assert finished.returncode == 1
        assert "Namespace tts-one is there already, and not of this stack" in finished.stderr
        assert ops.stacks == []
        assert ops.api.named("namespaces") == ["tts-one"]

    def test_the_same_stack_of_another_backend(self, ops: Commands) -> None:
        labels = {"tts-platform/state-id": "another"}
        ops.api.add("namespaces", {"metadata": {"name": "tts-one", "labels": labels}})
        assert "not of this stack" in ops.run("up", "one").stderr, "two states would own the same objects"

    def test_a_stack_on_another_platform(self, ops: Commands) -> None:
        ops.json("up", "one")
        _change(ops, "one", platform="dev")
        finished = ops.run("up", "one")
        assert finished.returncode == 1
        assert "There is a stack one on the platform of dev" in finished.stderr

    def test_two_at_the_same_moment(self, ops: Commands) -> None:
        with ops.holding("one") as reached:
            first = ops.start("up", "one")
            appeared(reached)
            second = ops.run("up", "one")
        assert "Another command works on stack one" in second.stderr
        assert second.returncode == 1
        assert ended(first).returncode == 0


def test_twenty_at_once(ops: Commands) -> None:
    names = [f"n{number}" for number in range(20)]
    processes = [ops.start("up", name) for name in names]
    for process in processes:
        finished = ended(process, 600)
        assert finished.returncode == 0, finished.stderr
    assert {row["name"] for row in ops.json("list")} == set(names)
    ops.expire(*names)
    assert {row["outcome"] for row in ops.json("reap")} == {"reaped"}
    assert ops.stacks == []


class TestReap:
    def test_it_leaves_what_is_worked_on(self, ops: Commands) -> None:
        ops.json("up", "one")
        ops.json("up", "two")
        ops.expire("one", "two")
        with ops.holding("one") as reached:
            running = ops.start("up", "one")
            appeared(reached)
            # The engine has noted the new end already; the state that a reap has read may be older.
            ops.expire("one")
            assert {row["name"]: row["outcome"] for row in ops.json("reap")} == {
                "one": "busy",
                "two": "reaped",
            }
        assert ended(running).returncode == 0
        assert {row["name"]: row["outcome"] for row in ops.json("reap")} == {"one": "lives"}

    def test_it_says_what_it_could_not_and_goes_on(self, ops: Commands) -> None:
        for name in ("bad", "good", "young"):
            ops.json("up", name)
        ops.expire("bad", "good")
        _change(ops, "bad", kubeconfig="/nowhere/kubeconfig")
        finished = ops.run("reap")
        assert finished.returncode == 1, "a schedule would be green while a GPU is paid for"
        assert (
            "bad: failed (The cluster of bad is not known: /nowhere/kubeconfig does not exist."
            in finished.stdout
        )
        assert "good: reaped" in finished.stdout
        assert "young: lives" in finished.stdout
        assert ops.stacks == ["bad", "young"]

    def test_a_stack_with_nothing_in_it_goes(self, ops: Commands) -> None:
        ops.json("up", "one")
        file = ops.place / "state/.pulumi/stacks/tts-platform/ephemeral-one.json"
        state = json.loads(file.read_text())
        state["checkpoint"]["latest"]["resources"] = []
        file.write_text(json.dumps(state))
        assert [row["outcome"] for row in ops.json("reap")] == ["reaped"], "its first update was killed"
        assert ops.stacks == []


class TestAClusterThatIsGone:
    def test_it_is_said_and_can_be_forgotten(self, project: Project, tmp_path: Path) -> None:  # noqa: ARG002 - needs pulumi
        (tmp_path / "ephemeral").mkdir()
        with ExitStack() as alive:
            api = alive.enter_context(api_server.running())
            ops = Commands(tmp_path / "ephemeral", api)
            ops.json("up", "one")
            refused = ops.run("down", "one", "--forget")
            assert "The cluster of one answers: leave out --forget" in refused.stderr
            assert ops.stacks == ["one"], "its objects would be nobody's"
            alive.close()
            finished = ops.run("down", "one")
            assert finished.returncode == 1
            assert f"The cluster of one ({api.url}) does not answer" in finished.stderr
            assert "down one --forget" in finished.stderr, "nobody would know what to do"
            ops.expire("one")
            reaped = ops.run("reap")
            assert reaped.returncode == 1
            assert "--forget" in reaped.stdout
            assert ops.run("down", "one", "--forget").returncode == 0
            assert ops.stacks == []


class TestAKilledRun:
    @pytest.mark.parametrize("then", ["up", "down", "reap"])
    def test_the_next_command_takes_over(self, ops: Commands, then: str) -> None:
        with ops.holding("one") as reached:
            process = ops.start("up", "one")
            appeared(reached)
            kill(process)
        assert list((ops.place / "state/.pulumi/locks").rglob("*.json")), "there is no lock to be freed"
        assert ops.stacks == ["one"]
        assert not list(ops.place.rglob("*.attrs")), "one that a kill leaves empty has no state be read"
        if then == "reap":
            ops.expire("one")
            assert ops.json("reap")[0]["outcome"] == "reaped"
            assert ops.stacks == []
            return
        finished = ops.run(then, "one")
        assert finished.returncode == 0, finished.stderr
        assert ops.stacks == (["one"] if then == "up" else [])
        assert not list((ops.place / "state/.pulumi/locks").rglob("*.json"))

    def test_the_end_of_its_life_is_in_the_state_already(self, ops: Commands) -> None:
        with ops.holding("one") as reached:
            process = ops.start("up", "one", "--ttl", "1h")
            appeared(reached)
            kill(process)
        (row,) = ops.json("list")
        assert row["expires"] is not None, "nothing would ever reap it"

    def test_an_engine_that_lives_is_waited_for(self, ops: Commands) -> None:
        ops.json("up", "one")
        program = ops.directory / "pulumi-of-somebody"
        shutil.copy(str(shutil.which("sleep")), program)
        with subprocess.Popen([program, "300"]) as engine:
            lock = ops.place / "state/.pulumi/locks/organization/tts-platform/ephemeral-one/it.json"
            lock.parent.mkdir(parents=True, exist_ok=True)
            lock.write_text(json.dumps({"pid": engine.pid}))
            try:
                finished = ops.run("up", "one")
                assert f"pulumi (process {engine.pid}) still works on one" in finished.stderr
                assert finished.returncode == 1, "two engines would write one state"
                assert lock.exists()
            finally:
                engine.kill()
        assert ops.run("up", "one").returncode == 0, "a lock of nobody's holds it"

    def test_what_it_made_and_did_not_note_goes_too(self, ops: Commands) -> None:
        ops.json("up", "one")
        state_id = json.loads(
            (ops.place / "state/.pulumi/stacks/tts-platform/ephemeral-one.json").read_text()
        )
        (record,) = [
            item["inputs"]
            for item in state_id["checkpoint"]["latest"]["resources"]
            if item["type"].endswith(":EndOfLife")
        ]
        labels = {"tts-platform/state-id": record["settings"]["stateId"]}
        ops.api.add("namespaces", {"metadata": {"name": "tts-one", "labels": labels}})
        assert ops.run("down", "one").returncode == 0
        assert ops.api.named("namespaces") == [], "a namespace with its pods and its GPU would stay for ever"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_one_can_be_taken_over(ops: Commands, sent: signal.Signals) -> None:
    with ops.holding("one") as reached:
        process = ops.start("up", "one")
        appeared(reached)
        os.kill(process.pid, sent)
        finished = ended(process, 60)
    assert finished.returncode == 130, finished.stderr
    assert "up one goes on from here, down one takes it away" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not list((ops.place / "state/.pulumi/locks").rglob("*.json")), "the engine was not let end"
    assert ops.run("up", "one").returncode == 0
    assert ops.run("down", "one").returncode == 0
    assert ops.stacks == []


def test_at_a_terminal_ctrl_c_is_told_to_the_engine_once(ops: Commands) -> None:
    master, slave = pty.openpty()
    with ops.holding("one") as reached:
        process = subprocess.Popen(
            ops.command("up", "one"),
            cwd=ops.program,
            env={**ops.environment, "TERM": "xterm"},
            # Not a pipe: the terminal that Ctrl-C is typed at is the one that it controls.
            preexec_fn=lambda: os.login_tty(slave),
        )
        os.close(slave)
        appeared(reached)
        os.write(master, b"\x03")
        shown = _all(master)
    assert process.wait(60) == 130, shown
    assert "up one goes on from here" in shown
    assert "terminate immediately" not in shown, "a second one has the engine leave its state behind as it is"
    assert not list((ops.place / "state/.pulumi/locks").rglob("*.json"))
    assert ops.run("down", "one").returncode == 0


def _all(terminal: int) -> str:
    """What is written to a terminal until its last program ends."""
    shown = b""
    with contextlib.suppress(OSError):
        while chunk := os.read(terminal, 65536):
            shown += chunk
    os.close(terminal)
    return shown.decode()


def _change(ops: Commands, name: str, **settings: str) -> None:
    """Has the state say that the stack was made with other settings."""
    file = ops.place / f"state/.pulumi/stacks/tts-platform/ephemeral-{name}.json"
    state = json.loads(file.read_text())
    for item in state["checkpoint"]["latest"]["resources"]:
        if item["type"].endswith(":EndOfLife"):
            item["inputs"]["settings"] |= settings
    file.write_text(json.dumps(state))
