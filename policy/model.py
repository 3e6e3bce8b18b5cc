"""What a rule is, and what it is asked about: plain data, so that a test needs no engine.

A value that only an update will know stands as `UNKNOWN`. A rule that looks at one decides nothing of the thing that
has it, and goes on with the next: an update with the pack asks again, with the value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")

Settings: TypeAlias = Mapping[str, Sequence[str]]
"""What an organisation can set of a rule."""


class Level(StrEnum):
    """What a violation does."""

    MANDATORY = "mandatory"
    """Fails the preview, and the update."""

    ADVISORY = "advisory"
    """Is shown."""


class Undecided(Exception):
    """Only the update knows the value that decides."""


class Unknown:
    """A value that only an update will know. Whoever looks at it learns that it decides nothing yet."""

    def _look(self, *_: object) -> NoReturn:
        raise Undecided

    __bool__ = __contains__ = __eq__ = __format__ = __getattr__ = __getitem__ = _look
    __hash__ = __int__ = __iter__ = __len__ = __ne__ = __str__ = _look


UNKNOWN: Final = Unknown()


def is_known(value: object) -> bool:
    """Whether a rule may look at a value: for those that go on without it."""
    return not isinstance(value, Unknown)


def each(items: Iterable[_Item], look: Callable[[_Item], Iterable[_Found]]) -> Iterator[_Found]:
    """What is found in each item: one that only the update can judge hides none of the others."""
    with suppress(Undecided):
        for item in items:
            with suppress(Undecided):
                yield from look(item)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as it is to be."""

    type: str
    """As the engine writes it: `aws:efs/fileSystem:FileSystem`, `kubernetes:apps/v1:Deployment`."""

    name: str
    """Of the resource in the program."""

    properties: Mapping[str, Any] = field(default_factory=dict[str, Any])
    urn: str = ""
    protect: bool = False
    provider: Mapping[str, Any] | None = None
    """Properties of the provider that makes it."""

    dependencies: Collection[str] = ()
    """URNs of the resources whose values it has."""

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return self.urn.removeprefix("urn:pulumi:").partition("::")[0]

    @property
    def kind(self) -> str:
        """The last part of the type: Deployment, Bucket."""
        return self.type.rpartition(":")[2]

    @property
    def in_kubernetes(self) -> bool:
        """Whether it is an object in a cluster."""
        return self.type.startswith("kubernetes:")

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Of a Kubernetes object."""
        found: Mapping[str, Any] = self.properties.get("metadata") or {}
        return found

    @property
    def object_name(self) -> Any:
        """Name of a Kubernetes object."""
        return self.metadata.get("name", "")

    @property
    def namespace(self) -> Any:
        """Namespace of a Kubernetes object; `UNKNOWN` until the namespace itself is made."""
        return self.metadata.get("namespace", "")


Check: TypeAlias = Callable[[Resource, Settings], Iterable[str]]
StackCheck: TypeAlias = Callable[[Sequence[Resource], Settings], Iterable[tuple[Resource, str]]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: what it forbids, why, and what to do instead."""

    name: str
    level: Level = Level.MANDATORY
    says: str
    """The rule, as one sentence."""

    reason: str
    fix: str
    types: Callable[[str], bool]
    """Which types of resources it looks at."""

    check: Check | None = None
    """Finds what is wrong with one resource."""

    stack_check: StackCheck | None = None
    """Finds what is wrong with a whole stack, where one resource does not tell."""

    settings: Settings = field(default_factory=dict[str, Sequence[str]])
    """What an organisation can set, with the defaults."""

    settings_about: Mapping[str, str] = field(default_factory=dict[str, str])


def kubernetes(*kinds: str) -> Callable[[str], bool]:
    """Types of Kubernetes objects of these kinds, in whatever group and version."""
    return lambda type_: type_.startswith("kubernetes:") and type_.rpartition(":")[2] in kinds


def aws(*types: str) -> Callable[[str], bool]:
    """Types of AWS resources: `ec2/launchTemplate:LaunchTemplate`."""
    wanted = {f"aws:{type_}" for type_ in types}
    return wanted.__contains__
