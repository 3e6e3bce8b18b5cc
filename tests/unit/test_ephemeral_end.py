"""What a reap and a down do with a stack, by what its state and its cluster say."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import ops.ephemeral_end
from ops.engine_locks import Busy
from ops.ephemeral_end import Outcome, Reaped, reap
from ops.ephemeral_place import Place
from ops.ephemeral_progress import Progress
from ops.ephemeral_stack import Record
from ops.errors import OpsError
from ops.interrupts import Interrupted

NOW = datetime.now(UTC)
SETTINGS = {"platform": "dev", "stateId": "mine", "namespace": "tts-one"}


def record(hours: float | None, *, namespace: bool = True, **changes: str) -> Record:
    """Of a stack that ends in so many hours."""
    expires = None if hours is None else NOW + timedelta(hours=hours)
    return Record(
        expires=expires, settings={**SETTINGS, **changes}, outputs={}, resources=3, namespace=namespace
    )


@dataclass
class World:
    """Stacks by name, and what is done to them."""

    records: dict[str, Record | Exception]
    unswept: bool = False
    """Whether what a sweep deletes does not end."""

    busy: dict[str, Exception] = field(default_factory=dict[str, Exception])
    anothers: bool = False
    done: list[str] = field(default_factory=list[str])
    reading: int | None = None
    """A signal that comes while the first stack is read."""

    def reaped(self, *over: str) -> dict[str, Reaped]:
        place = Place(directory=Path("/nowhere"), platform="dev")
        items = reap(place, list(self.records), over, lambda name: Progress(Console(), title=name))
        return {item.name: item for item in items}

    def outcomes(self, *over: str) -> Mapping[str, str]:
        return {name: item.outcome for name, item in self.reaped(*over).items()}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World({})

    @dataclass
    class Stack:
        place: Place
        name: str

        def record(self) -> Record:
            if world.reading is not None:
                number, world.reading = world.reading, None
                os.kill(os.getpid(), number)
            found = world.records[self.name]
            if isinstance(found, Exception):
                raise found
            return found

        @contextmanager
        def locked(self) -> Iterator[None]:
            yield

        def destroy(self, *_: object) -> None:
            if self.name in world.busy:
                raise world.busy[self.name]
            world.done.append(f"destroy {self.name}")

        def remove(self, *, force: bool = False) -> None:
            world.done.append(f"{'forget' if force else 'remove'} {self.name}")

    class Cluster:
        def __init__(self, name: str, _: Mapping[str, Any]) -> None:
            self.name = name

        def is_anothers(self, state_id: str) -> bool:
            assert state_id == "mine"
            return world.anothers

        def sweep(self, _: str) -> None:
            if world.unswept:
                raise OpsError("does not end")
            world.done.append(f"sweep {self.name}")

    monkeypatch.setattr(ops.ephemeral_end, "EphemeralStack", Stack)
    monkeypatch.setattr(ops.ephemeral_end, "EphemeralCluster", Cluster)
    return world


def test_what_has_expired_goes_and_the_rest_lives(world: World) -> None:
    world.records = {"old": record(-1), "young": record(1), "bad": OpsError("cannot be read")}
    assert world.outcomes() == {"old": "reaped", "young": "lives", "bad": "failed"}
    assert world.done == ["destroy old", "sweep old", "remove old"]


def test_a_closed_pull_requests_stack_goes_before_its_time(world: World) -> None:
    world.records = {"pr-7": record(40), "pr-8": record(40)}
    assert world.outcomes("pr-7") == {"pr-7": "reaped", "pr-8": "lives"}, (
        "a pull request with a conflict starts no workflow when it is closed"
    )


def test_what_a_killed_run_made_and_did_not_note_is_tried_again(world: World) -> None:
    world.records, world.unswept = {"one": record(-1, namespace=False)}, True
    assert world.outcomes() == {"one": "failed"}
    assert world.done == [], "without its record the next reap would say that nothing is left"


def test_another_platforms_stacks_are_let_be(world: World) -> None:
    world.records = {"one": record(-1, platform="other"), "unnoted": record(None, platform="")}
    assert world.outcomes() == {"unnoted": "reaped"}


class TestALockOfAnotherMachine:
    def test_is_respected_for_as_long_as_a_run_may_take(self, world: World) -> None:
        world.records, world.busy = {"one": record(-0.1)}, {"one": Busy("locked", NOW)}
        assert world.outcomes() == {"one": "busy"}

    @pytest.mark.parametrize("since", [None, NOW - timedelta(hours=2)])
    def test_that_nobody_is_behind_turns_the_schedule_red(self, world: World, since: datetime | None) -> None:
        world.records, world.busy = {"one": record(-3)}, {"one": Busy("locked by ci", since)}
        (item,) = world.reaped().values()
        assert item.outcome is Outcome.FAILED, "it would be green for ever, while a GPU is paid for"
        assert item.why == "locked by ci"

    def test_also_where_no_end_is_noted(self, world: World) -> None:
        world.records = {"one": record(None)}
        world.busy = {"one": Busy("locked", NOW - timedelta(hours=2))}
        assert world.outcomes() == {"one": "failed"}

    def test_of_a_moment_ago_is_somebody_at_work(self, world: World) -> None:
        world.records, world.busy = {"one": record(-3)}, {"one": Busy("locked", NOW)}
        assert world.outcomes() == {"one": "busy"}, "an up has just begun to prolong it"


def test_a_namespace_that_has_become_anothers_is_not_destroyed(world: World) -> None:
    world.records, world.anothers = {"one": record(-1)}, True
    assert world.outcomes() == {"one": "reaped"}
    assert world.done == ["forget one"], "the names in the state are another stack's objects by now"


def test_an_interrupted_reap_begins_nothing_more(world: World) -> None:
    world.records = {f"n{number}": record(-1) for number in range(12)}
    world.reading = signal.SIGTERM
    with pytest.raises(Interrupted):
        world.reaped()
    assert len({line.split()[1] for line in world.done}) < len(world.records), (
        "the next four would begin, and the next"
    )
