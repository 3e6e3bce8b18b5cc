"""What `ops ephemeral` does with what a stack's state says, and what it prints."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import ops.ephemeral
from ops import ephemeral_end
from ops.ephemeral_end import Outcome, Reaped
from ops.ephemeral_place import Place
from ops.ephemeral_stack import Record
from ops.errors import OpsError
from stacks.ephemeral_settings import moment, moment_text
from stacks.problems import Problem, SettingsError

SERVER = "https://one.invalid"
LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)


def record(**changes: Any) -> Record:
    settings = {
        "platform": "dev",
        "stateId": "mine",
        "clusterServer": SERVER,
        "namespace": "tts-one",
        "domain": "one.tts.localhost",
        **changes,
    }
    return Record(
        expires=LATER,
        settings=settings,
        outputs={"url": "https://one.tts.localhost/"},
        resources=9,
        life="urn:life",
        namespace=True,
    )


@dataclass
class World:
    """One stack `one`, its platform, and what is asked of them."""

    record: Record | None = None
    unreadable: bool = False
    updates: list[tuple[Mapping[str, Any], str | None]] = field(
        default_factory=list[tuple[Mapping[str, Any], str | None]]
    )
    taken: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])
    reaped: list[Reaped] = field(default_factory=list[Reaped])
    installed: int = 0
    """How often the policy pack was made ready."""

    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(ops.ephemeral.app, arguments)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()

    @dataclass
    class Stack:
        place: Place
        name: str
        stack: str = "ephemeral-one"
        asks_policies: bool = True

        def record(self) -> Record | None:
            if world.unreadable:
                raise OpsError("The state of one cannot be read")
            return world.record

        @contextmanager
        def locked(self) -> Iterator[None]:
            yield

        def up(
            self, settings: Mapping[str, Any], *_: object, there: bool, only: str | None = None
        ) -> dict[str, Any]:
            assert there == (world.record is not None)
            world.updates.append((settings, only))
            return {"url": f"https://{settings['domain']}/"}

        def remove(self, *, force: bool = False) -> None:
            assert force

    class Cluster:
        def __init__(self, *_: object) -> None:
            """It answers."""

        def refuse_taken(self, state_id: str, *, made: bool) -> None:
            world.taken.append((state_id, made))

    base = SimpleNamespace(
        domain="tts.localhost",
        outputs={},
        settings=lambda name: {
            "platform": "dev",
            "domain": f"{name}.tts.localhost",
            "namespace": f"tts-{name}",
            "clusterServer": SERVER,
        },
    )

    def install() -> None:
        world.installed += 1

    monkeypatch.setattr("ops.policy_pack.install", install)
    place = Place(directory=Path("/nowhere"), platform="dev")
    monkeypatch.setattr(Place, "stacks", lambda _: ["one"])
    monkeypatch.setattr(ops.ephemeral, "platform_of", lambda *_: base)
    monkeypatch.setattr(ops.ephemeral, "of_platform", lambda *_: place)
    monkeypatch.setattr(ops.ephemeral, "EphemeralStack", Stack)
    monkeypatch.setattr(ops.ephemeral, "EphemeralCluster", Cluster)
    monkeypatch.setattr(ops.ephemeral, "load", lambda *_: None)
    monkeypatch.setattr(ephemeral_end, "with_kubeconfig", lambda _: None)
    monkeypatch.setattr(ephemeral_end, "reap", lambda *_: iter(world.reaped))
    return world


class TestUp:
    def test_a_wrong_option_is_not_said_to_be_in_a_file(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(stack: str, *_: object) -> None:
            wrong = Problem(key="image", value="it:latest", why="can change.", instead="Write a version.")
            raise SettingsError(stack, [wrong])

        monkeypatch.setattr(ops.ephemeral, "load", refused)
        said = world.run("up", "one", "--image", "it:latest").exception
        assert isinstance(said, OpsError)
        assert str(said).startswith("Ephemeral stack one: "), "nobody has written Pulumi.ephemeral-one.yaml"
        assert "it:latest" in str(said)

    def test_a_new_stack_has_an_id_that_nobody_can_guess_or_lose(self, world: World) -> None:
        for _ in range(2):
            assert world.run("up", "one").exit_code == 0
        first, second = (settings["stateId"] for settings, _ in world.updates)
        assert first != second
        assert world.installed == 2, "the policies could not be asked"
        assert world.taken == [(first, False), (second, False)]

    def test_one_that_is_there_keeps_its_id(self, world: World) -> None:
        world.record = record()
        world.run("up", "one")
        assert world.updates[0][0]["stateId"] == "mine", "its own namespace would be a stranger's"
        assert world.taken == [("mine", True)]

    def test_its_life_is_never_cut_short_unasked(self, world: World) -> None:
        world.record = record()
        world.run("up", "one", "--ttl", "1h")
        assert world.updates[0][0]["expires"] == moment_text(LATER), (
            "every push would take back what somebody has prolonged"
        )
        world.run("up", "one", "--ttl", "1h", "--shorten")
        assert moment(world.updates[1][0]["expires"]) < LATER

    def test_objects_at_another_server_are_not_taken_for_these(self, world: World) -> None:
        world.record = record(clusterServer="https://before.invalid")
        refusal = world.run("up", "one").exception
        assert "are at https://before.invalid" in str(refusal)
        assert not world.updates, "it would say Ready, and nobody would answer"


def test_extend_touches_the_record_alone(world: World) -> None:
    world.record = record(image="acme/speech:1")
    said = world.run("extend", "one", "--ttl", "5d", "--json")
    ((settings, only),) = world.updates
    assert only == "urn:life"
    assert settings["image"] == "acme/speech:1"
    assert moment(settings["expires"]) > LATER
    assert json.loads(said.stdout)["url"] == "https://one.tts.localhost/"


def test_what_is_forgotten_is_not_said_to_be_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ephemeral_end, "forget", lambda *_: None)
    world.record = record()
    said = world.run("down", "one", "--forget").stderr
    assert "is forgotten" in said
    assert SERVER in said
    assert "Nothing of" not in said


class TestList:
    def test_one_that_cannot_be_read_hides_no_other(self, world: World) -> None:
        world.unreadable = True
        said = world.run("list", "--json")
        assert said.exit_code == 0
        assert [row["left"] for row in json.loads(said.stdout)] == ["unreadable"]

    def test_another_platforms_are_not_listed(self, world: World) -> None:
        world.record = record(platform="local")
        assert json.loads(world.run("list", "--json").stdout) == []


class TestReap:
    def test_what_failed_is_red(self, world: World) -> None:
        world.reaped = [Reaped(name="one", outcome=Outcome.FAILED, expires=LATER, why="no answer")]
        said = world.run("reap")
        assert said.exit_code == 1
        assert "one: failed (no answer)" in said.stdout

    def test_github_that_does_not_answer_keeps_no_stack_alive(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_: object) -> set[str]:
            raise OpsError("GitHub does not answer")

        monkeypatch.setattr(ops.ephemeral, "of_closed", fails)
        world.reaped = [Reaped(name="one", outcome=Outcome.REAPED, expires=LATER)]
        said = world.run("reap", "--pull-requests", "acme/speech", "--json")
        assert json.loads(said.stdout)[0]["outcome"] == "reaped"
        assert "GitHub does not answer" in str(said.exception)
