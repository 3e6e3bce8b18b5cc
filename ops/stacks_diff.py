"""Two stacks side by side: every setting, with the defaults that their profiles give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from ops import stack_file
from stacks.settings import Stack

_SECRET = "(secret)"  # noqa: S105 - what is shown instead of one


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One key in two stacks."""

    key: str
    first: Any
    """None where the key is not set, or means nothing in the stack."""

    second: Any

    @property
    def differs(self) -> bool:
        """Whether the stacks differ in it. Two secrets cannot be told apart."""
        return bool(self.first != self.second)


def compare(root: Path, first: str, second: str) -> list[Setting]:
    """Every setting of two stacks of a checkout, by key."""
    one, other = _settings(stack_file.read(root, first)), _settings(stack_file.read(root, second))
    keys = dict.fromkeys([*one, *other])
    return [Setting(key=key, first=one.get(key), second=other.get(key)) for key in keys]


def _settings(stack: Stack) -> dict[str, Any]:
    parts = (stack.settings, stack.gitops, stack.aws)
    return {key: value for part in parts if part is not None for key, value in _of(part).items()}


def _of(settings: BaseModel) -> dict[str, Any]:
    fields = type(settings).model_fields
    return {str(info.alias): _plain(getattr(settings, name)) for name, info in fields.items()}


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case SecretStr():
            return _SECRET
        case BaseModel():
            return _of(value)
        case Enum():
            return value.value
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case tuple() | list() | frozenset():
            return [_plain(item) for item in value]
        case _:
            return value
