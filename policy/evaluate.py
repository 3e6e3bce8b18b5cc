"""What a rule has to say of a resource, or of a stack, when its exemptions are left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from policy.exemptions import exempt
from policy.model import Resource, Rule, Settings, Undecided

_T = TypeVar("_T")


def violations(rule: Rule, resource: Resource, settings: Settings | None = None) -> Iterator[str]:
    """A message for each thing that is wrong with a resource."""
    if rule.check is None or not rule.types(resource.type) or exempt(rule.name, resource):
        return
    for problem in _decided(rule.check(resource, {**rule.settings, **(settings or {})})):
        yield _message(rule, problem)


def stack_violations(
    rule: Rule, resources: Sequence[Resource], settings: Settings | None = None
) -> Iterator[tuple[Resource, str]]:
    """The same for a whole stack, with the resource that each message is about."""
    if rule.stack_check is None:
        return
    looked_at = [resource for resource in resources if rule.types(resource.type)]
    for resource, problem in _decided(rule.stack_check(looked_at, {**rule.settings, **(settings or {})})):
        if not exempt(rule.name, resource):
            yield resource, _message(rule, problem)


def _message(rule: Rule, problem: str) -> str:
    return f"{problem} {rule.reason} {rule.fix}"


def _decided(problems: Iterable[_T]) -> Iterator[_T]:
    try:
        yield from problems
    except Undecided:
        return
