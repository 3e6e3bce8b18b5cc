"""Ephemeral stacks in a backend that several machines use, which is how workflows and colleagues have them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import api_server
from tests.support.api_server import Api
from tests.support.ephemeral import appeared, ended
from tests.support.ephemeral_shared import Machine
from tests.support.project import Project


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server.running() as api:
        yield api


@pytest.fixture
def laptop(project: Project, tmp_path: Path, api: Api) -> Machine:  # noqa: ARG001 - needs pulumi
    (tmp_path / "laptop").mkdir()
    return Machine(tmp_path / "laptop", api, tmp_path / "backend")


@pytest.fixture
def runner(laptop: Machine, tmp_path: Path, api: Api) -> Machine:
    (tmp_path / "runner").mkdir()
    return Machine(tmp_path / "runner", api, laptop.backend)


def lock(machine: Machine, name: str) -> Path:
    """One that a run on a machine nobody has any more left long ago."""
    file = machine.backend / f".pulumi/locks/organization/tts-platform/ephemeral-{name}/it.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    of = {"pid": 7, "username": "runner", "hostname": "ci-7", "timestamp": "2026-01-01T00:00:00Z"}
    file.write_text(json.dumps(of))
    return file


def test_another_machine_updates_it_with_the_key_of_its_state(laptop: Machine, runner: Machine) -> None:
    made = laptop.json("up", "one", "--ttl", "1h")
    key = laptop.state("one")["secrets_providers"]
    again = runner.json("up", "one", "--ttl", "2h")
    assert again["url"] == made["url"]
    assert runner.state("one")["secrets_providers"] == key, (
        "it would be encrypted anew by what that machine has, which with a key in the cloud it has not"
    )
    assert [row["name"] for row in laptop.json("list")] == ["one"]


def test_who_prolongs_it_does_not_deploy_their_checkout(laptop: Machine, runner: Machine) -> None:
    made = laptop.json("up", "one", "--ttl", "1h")
    program = runner.program / "__main__.py"
    program.write_text(program.read_text() + '\npulumi.ComponentResource("of:main:Code", "new")\n')
    longer = runner.json("extend", "one", "--ttl", "3h")
    assert longer["expires"] > made["expires"]
    assert longer["url"] == made["url"]
    assert laptop.json("list")[0]["expires"] == longer["expires"]
    assert laptop.json("list")[0]["url"] == made["url"], "its outputs went with the update"
    types = {item["type"] for item in laptop.state("one")["resources"]}
    assert "of:main:Code" not in types, "a branch's stack would be rolled back to main"


def test_another_machine_ends_it(laptop: Machine, runner: Machine) -> None:
    laptop.json("up", "one")
    finished = runner.run("down", "one")
    assert finished.returncode == 0, finished.stderr
    assert laptop.stacks == []


def test_another_machine_is_busy_with_it(laptop: Machine, runner: Machine) -> None:
    with laptop.holding("one") as reached:
        running = laptop.start("up", "one")
        appeared(reached)
        second = runner.run("up", "one")
    assert second.returncode == 1
    assert "one is worked on by" in second.stderr
    assert ended(running).returncode == 0


OPEN = """
import pulumi_kubernetes as kubernetes
files = pulumi.ResourceOptions(provider=kubernetes.Provider("files", render_yaml_to_directory="rendered"))
ports = {"type": "LoadBalancer", "ports": [{"port": 80}]}
kubernetes.core.v1.Service("open", metadata={"name": "open", "namespace": "tts"}, spec=ports, opts=files)
"""


def test_the_policies_are_asked(laptop: Machine) -> None:
    program = laptop.program / "__main__.py"
    before = program.read_text()
    program.write_text(before + OPEN)
    refused = laptop.run("up", "one")
    assert refused.returncode == 1
    assert "service-exposure: " in refused.stderr, "a branch could do on dev what no pull request may"
    program.write_text(before)
    assert laptop.run("up", "one").returncode == 0, "what was refused cannot be mended"


class TestALockOfAMachineThatIsGone:
    def test_it_turns_the_reap_red(self, laptop: Machine, runner: Machine) -> None:
        laptop.json("up", "one")
        laptop.expire("one")
        file = lock(laptop, "one")
        finished = runner.run("reap")
        assert finished.returncode == 1, "every reap would be green, while a GPU is paid for"
        assert "runner@ci-7" in finished.stdout, "nobody could ask whose it is"
        assert "pulumi cancel ephemeral-one" in finished.stdout
        assert file.exists(), "two engines would write one state"

    def test_it_is_respected_while_the_stack_lives(self, laptop: Machine, runner: Machine) -> None:
        laptop.json("up", "one")
        lock(laptop, "one")
        assert runner.json("reap")[0]["outcome"] == "lives"


class TestAPlatformThatIsNoneAnyMore:
    def test_its_guests_can_be_ended(self, laptop: Machine, runner: Machine) -> None:
        laptop.json("up", "one")
        settings = runner.program / "Pulumi.dev.yaml"
        text = settings.read_text()
        settings.unlink()
        settings.write_text(f"{text}  tts-platform:deletionProtection: true\n")
        refused = runner.run("up", "two")
        assert "is protected" in refused.stderr
        finished = runner.run("down", "one")
        assert finished.returncode == 0, "what refuses a new trial would keep an old one alive"

    def test_a_guest_whose_cluster_answers_is_not_forgotten(self, laptop: Machine, runner: Machine) -> None:
        laptop.json("up", "one")
        (laptop.backend / ".pulumi/stacks/tts-platform/dev.json").unlink()
        refused = runner.run("down", "one", "--forget")
        assert refused.returncode == 1
        assert "is there: bring the kubeconfig" in refused.stderr, (
            "its pods run on, and nobody would list them"
        )
        assert laptop.stacks == ["one"]


def test_a_platform_that_was_made_anew_is_no_update(laptop: Machine) -> None:
    laptop.json("up", "one")
    state = laptop.backend / ".pulumi/stacks/tts-platform/dev.json"
    with api_server.running() as other:
        state.write_text(state.read_text().replace(laptop.api.url, other.url))
        refused = laptop.run("up", "one")
    assert refused.returncode == 1
    assert f"are at {laptop.api.url}" in refused.stderr, "it would say Ready, and nobody would answer"


def test_a_backend_that_does_not_answer_is_one_line(laptop: Machine) -> None:
    (laptop.backend / ".pulumi/meta.yaml").write_text("version: 99\n")
    finished = laptop.run("list")
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    assert "which stacks there are" in finished.stderr
