"""What an update would change, what it would replace, and what is known of a resource before and after."""

import random
import re
import secrets
from collections.abc import Mapping
from typing import Any

from pulumi.runtime.proto import provider_pb2

from tests.aws.resources.kind import Call, Inputs, Kind, Unrehearsed
from tests.aws.values import UNKNOWN, Unknown, flatten, set_path

Difference = provider_pb2.PropertyDiff

REPLACING = (Difference.ADD_REPLACE, Difference.DELETE_REPLACE, Difference.UPDATE_REPLACE)


def top(path: str) -> str:
    """The property of the resource that a path begins with."""
    return path.partition(".")[0].partition("[")[0]


def auto_name(kind: Kind, logical: str, seed: bytes) -> str:
    """As the real provider names what the program does not: the logical name and seven hexadecimal digits."""
    source = random.Random(seed or secrets.token_bytes())  # noqa: S311  # a name, not a secret
    suffix = "".join(source.choices("0123456789abcdef", k=7))
    name = f"{logical}-{suffix}"
    if len(name) > kind.name_length:
        raise ValueError(f"{kind.resource_type}: the name {name} is longer than {kind.name_length}")
    return name


def delete_first(kind: Kind, logical: str, old: Inputs, new: Inputs) -> bool:
    """As the real provider: two things of one name, which the program chose, cannot be there at a time."""
    if kind.delete_first or kind.auto_name is None:
        return kind.delete_first
    name = new.get(kind.auto_name)
    chosen = isinstance(name, str) and not re.fullmatch(rf"{re.escape(logical)}-[0-9a-f]{{7}}", name)
    return chosen and old.get(kind.auto_name) == name


def differences(kind: Kind, old: Inputs, new: Inputs) -> list[tuple[str, Any]]:
    """Each changed leaf, by its path, and whether it makes a new resource."""
    before, after = dict(flatten(old)), dict(flatten(new))
    made = []
    for path in sorted({*before, *after}):
        if path in before and path in after and before[path] == after[path]:
            continue
        forced = kind.replaces_on(path)
        if path not in before:
            change = Difference.ADD_REPLACE if forced else Difference.ADD
        elif path not in after:
            change = Difference.DELETE_REPLACE if forced else Difference.DELETE
        else:
            change = Difference.UPDATE_REPLACE if forced else Difference.UPDATE
        made.append((path, Difference(kind=change, inputDiff=True)))
    return made


def outputs(kind: Kind, call: Call) -> Inputs:
    """Its inputs, with what AWS says of it."""
    state = dict(call.inputs)
    for path, value in kind.read(call).items():
        set_path(state, path, value)
    if kind.tagged:
        state["tagsAll"] = call.tags
    missing = [path for path in kind.computed if not _found(state, path)]
    if missing:
        raise Unrehearsed(f"{kind.resource_type}: outputs promised and not read: {', '.join(missing)}")
    return state


def _at(state: Mapping[str, Any], path: str) -> Any:
    value: Any = state
    for part in path.split("."):
        value = value[part]
    return value


def _found(state: Mapping[str, Any], path: str) -> bool:
    try:
        return _at(state, path) is not None
    except (KeyError, TypeError):
        return False


def foreseen(kind: Kind, call: Call, unknown: tuple[str, ...]) -> Inputs:
    """What a preview can say of it."""
    state = dict(call.inputs)
    for path in kind.computed:
        if _found(call.state, path):
            set_path(state, path, _at(call.state, path))
    for path in unknown:
        if not isinstance(state.get(top(path)), Unknown):
            set_path(state, path, UNKNOWN)
    if kind.tagged:
        state["tagsAll"] = call.tags
    return state
