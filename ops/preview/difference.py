"""Two versions of a resource's inputs, value by value, without secrets and without what only providers write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SECRET: Final = "[secret]"  # noqa: S105 - stands for one
UNKNOWN: Final = "[known after the update]"

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - how the engine marks a secret
_UNKNOWN_SIGNATURES: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""How it marks what is not known yet, by type: https://github.com/pulumi/pulumi/blob/v3.259.0/sdk/go/common/resource/plugin/rpc.go"""


_MADE_UP: Final = re.compile(r"(?P<stem>.+)-[0-9a-f]{7,8}")
"""A program's name and seven hexadecimal digits, as Pulumi fills in where the program has no name."""


@dataclass(frozen=True)
class Leaf:
    """One value that is not as it was. None is no value."""

    path: str
    before: str | None
    after: str | None
    replaces: bool = False
    """Whether it makes the resource another one."""


def shown(value: Any) -> Any:
    """A value as the engine gives it, fit for everybody's eyes."""
    if isinstance(value, dict):
        if _SIGNATURE in value:
            return SECRET if value[_SIGNATURE] == _SECRET_SIGNATURE else "[file]"
        # Two underscores: a provider's own notes.
        return {key: shown(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return UNKNOWN if isinstance(value, str) and value in _UNKNOWN_SIGNATURES else value


def differences(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    detailed: Mapping[str, Any],
    hidden: Sequence[str] = (),
) -> Iterator[Leaf]:
    """What is different between two versions; `detailed` is the provider's word on it.

    What is secret in one of them, or below a path of `hidden`, is shown in neither: it may have been plain until now.
    """
    replacing = {path for path, item in detailed.items() if "replace" in str(item.get("diffKind", ""))}
    before, after = ({} if not item else dict(_leaves(item)) for item in (old, new))
    secret = [*hidden, *(path for side in (before, after) for path, text in side.items() if text == SECRET)]

    def leaf(path: str, *, replaces: bool) -> Leaf:
        veiled = any(_covers(other, path) or _covers(path, other) for other in secret)
        was, is_now = (SECRET if veiled and path in side else side.get(path) for side in (before, after))
        return Leaf(path, was, is_now, replaces)

    found: set[str] = set()
    for path in sorted({*before, *after}):
        if before.get(path) != after.get(path) and not _renamed(before.get(path), after.get(path)):
            found.add(path)
            yield leaf(path, replaces=any(_covers(reason, path) for reason in replacing))
    for path in sorted(detailed):
        # Secrets look alike, and a refresh finds differences that no input has.
        if not any(_covers(path, other) or _covers(other, path) for other in found) and "__" not in path:
            yield leaf(path, replaces=path in replacing)


def _renamed(before: str | None, after: str | None) -> bool:
    """Whether it is a name that a provider has made up, and made up anew."""
    names = [_MADE_UP.fullmatch(text) if text else None for text in (before, after)]
    return all(names) and len({name["stem"] for name in names if name}) == 1


def _covers(path: str, other: str) -> bool:
    return other == path or other.startswith((f"{path}.", f"{path}["))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            # As the engine writes a path, with which these are compared.
            plain = key and not any(mark in key for mark in '."[]')
            name = f"{path}.{key}" if path and plain else key if plain else f'{path}["{key}"]'
            yield from _leaves(item, name)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)
