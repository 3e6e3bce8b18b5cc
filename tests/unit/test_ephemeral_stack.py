"""What the engine is asked to do with an ephemeral stack, and what is said where it does not."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi.automation
import pytest
from pulumi.automation import (
    CommandError,
    ConcurrentUpdateError,
    StackAlreadyExistsError,
    StackNotFoundError,
)
from rich.console import Console

from components.end_of_life import END_OF_LIFE_TYPE
from ops.engine_locks import Busy
from ops.ephemeral_place import Place
from ops.ephemeral_progress import Progress
from ops.ephemeral_stack import EphemeralStack
from ops.errors import OpsError

LIFE = "urn:pulumi:ephemeral-one::tts-platform::tts-platform:ephemeral:EndOfLife::end-of-life"


class Engine:
    """What is asked of it, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.fails: CommandError | None = None
        self.resources: list[dict[str, Any]] = []

    def select(self, *_: object) -> "Engine":
        return self

    create = select

    def up(self, **options: Any) -> SimpleNamespace:
        self.asked.append(options)
        if self.fails is not None:
            raise self.fails
        return SimpleNamespace(outputs={})

    def export_stack(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(deployment={"resources": self.resources})

    def remove_stack(self, _: str, **__: object) -> None:
        if self.fails is not None:
            raise self.fails


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(pulumi.automation, "Stack", engine)
    monkeypatch.setattr(Place, "workspace", lambda *_: engine)
    return engine


@pytest.fixture
def stack(engine: Engine, tmp_path: Path) -> EphemeralStack:  # noqa: ARG001 - is asked
    (tmp_path / "ephemeral-one").mkdir()
    return EphemeralStack(Place(directory=tmp_path, platform="dev"), "one")


def progress() -> Progress:
    return Progress(Console())


def error(kind: type[CommandError], text: str) -> CommandError:
    return kind(SimpleNamespace(__str__=lambda: text, stderr=text))  # type: ignore[arg-type]  # stands for a result


def test_the_state_says_what_was_made(stack: EphemeralStack, engine: Engine) -> None:
    engine.resources = [
        {"type": "pulumi:pulumi:Stack", "outputs": {"url": "https://one"}},
        {
            "type": END_OF_LIFE_TYPE,
            "urn": LIFE,
            "inputs": {"expires": "2026-01-31T12:00:00Z", "settings": {"platform": "dev"}},
        },
    ]
    found = stack.record()
    assert found is not None
    assert (found.life, found.namespace, found.platform) == (LIFE, False, "dev")
    engine.resources.append({"type": "kubernetes:core/v1:Namespace"})
    found = stack.record()
    assert found is not None
    assert found.namespace, "an update that finds nothing to do would say Ready, and nobody would answer"


def test_one_that_is_prolonged_is_not_deployed(stack: EphemeralStack, engine: Engine) -> None:
    stack.up({"expires": "2026-01-31T12:00:00Z"}, progress(), there=True, only=LIFE)
    stack.up({}, progress(), there=True)
    assert [options["target"] for options in engine.asked] == [[LIFE], None], (
        "whoever prolongs a branch's stack from main would put main's code onto it"
    )


LOCKED = "the stack is currently locked by 1 lock(s)\n  s3://x: created by runner@ci (pid 7) at 2026-01-31T12:00:00Z"


def test_a_lock_has_a_name(stack: EphemeralStack, engine: Engine) -> None:
    engine.fails = error(ConcurrentUpdateError, LOCKED)
    with pytest.raises(Busy, match=r"runner@ci.*pulumi cancel ephemeral-one"):
        stack.up({}, progress(), there=True)
    with pytest.raises(Busy, match=r"runner@ci"):
        stack.remove()


@pytest.mark.parametrize("kind", [StackAlreadyExistsError, StackNotFoundError])
def test_somebody_was_faster(stack: EphemeralStack, engine: Engine, kind: type[CommandError]) -> None:
    engine.fails = error(kind, "stack 'ephemeral-one' already exists")
    with pytest.raises(Busy, match="Somebody has just made or ended one"):
        stack.up({}, progress(), there=False)


def test_what_the_engine_says_is_said(stack: EphemeralStack, engine: Engine) -> None:
    engine.fails = error(CommandError, "stderr: \nerror: it still has resources\n")
    with pytest.raises(OpsError, match="error: it still has resources") as failed:
        stack.remove()
    assert not isinstance(failed.value, Busy)
