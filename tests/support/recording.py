"""A Pulumi engine that records what a program registers, and answers at once."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks


@dataclass(frozen=True)
class Recorded:
    """One registered resource."""

    type: str
    name: str
    inputs: Mapping[str, Any]


@dataclass
class Recording(Mocks):
    """Everything that was registered, in order."""

    answers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    resources: list[Recorded] = field(default_factory=list[Recorded])

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.resources.append(Recorded(args.typ, args.name, args.inputs))
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        return self.answers[args.token], []

    def objects(self, kind: str) -> list[Mapping[str, Any]]:
        """The Kubernetes objects of a kind."""
        return [item.inputs for item in self.resources if _kind(item) == kind]

    def object(self, kind: str, name: str) -> Mapping[str, Any]:
        """The one Kubernetes object of this kind and name."""
        (found,) = [item for item in self.objects(kind) if item["metadata"]["name"] == name]
        return found

    @property
    def types(self) -> Sequence[str]:
        return [item.type for item in self.resources]


def _kind(item: Recorded) -> str | None:
    package, _, rest = item.type.partition(":")
    return rest.rpartition(":")[2] if package == "kubernetes" else None


def record(program: Callable[[], None], answers: Mapping[str, Any] | None = None) -> Recording:
    """Runs `program` to its end, all outputs resolved, and returns what it registered."""
    recording = Recording(answers=answers or {})
    # An `apply` on an unknown never runs: in a preview, half of the program would go untested.
    # Whoever ran an event loop before has left none behind, and Pulumi takes the thread's own.
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(recording, project="tts-platform", stack="test", preview=False)
    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
    return recording
