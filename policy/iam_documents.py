"""What a policy document of IAM says: whom or what a statement names, and what its conditions narrow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.model import Resource, each

_DOCUMENTS: Final = ("policy", "assumeRolePolicy")
"""The properties that hold a policy document."""

_SAYS_WHICH: Final = re.compile(r"[a-z0-9-]+:(Resource|Request)Tag/.+", re.IGNORECASE)
"""Keys of conditions by which a statement is about some resources of all."""

_SAYS_WHO: Final = re.compile(
    r"aws:(Source(Account|Arn|OrgID|OrgPaths|Vpc|Vpce)|Principal(Account|Arn|OrgID|OrgPaths|Tag/.+))|kms:CallerAccount"
    r"|elasticfilesystem:AccessedViaMountTarget",
    re.IGNORECASE,
)
"""Keys of conditions by which everybody is some, known callers. `aws:SecureTransport` and times are none."""

# Operators that only keep out what they name, or let pass what has no such key at all.
_LOOSE: Final = re.compile(r"Not|IfExists|^Null$|^ForAllValues:")


def listed(value: Any) -> list[Any]:
    """The values of a field that may have one or several."""
    return list(value) if isinstance(value, list | tuple) else [value]


def allowed(resource: Resource) -> Iterator[Mapping[str, Any]]:
    """The statements of a resource's documents that allow something."""
    properties = resource.properties
    written = [properties[key] for key in _DOCUMENTS if key in properties]
    inline = each(properties.get("inlinePolicies") or (), lambda item: [item.get("policy")])
    return each([*written, *inline], _allowed)


def _allowed(document: Any) -> Iterator[Mapping[str, Any]]:
    if not document:
        return
    parsed = document if isinstance(document, Mapping) else json.loads(str(document))
    for statement in listed(parsed["Statement"]):
        if statement["Effect"] == "Allow":
            yield statement


def _is_any(text: str) -> bool:
    return not text.strip("*?")


def _text(value: Any) -> str:
    return str(value).lower()


def is_wide(arn: str) -> bool:
    """Whether an ARN names everything of a kind or of an account, and nothing by its name."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return "*" in arn
    account, named = parts[4], [part for part in re.split(r"[:/]", parts[5]) if part]
    # An object of S3 is below its bucket, whose name stands first; elsewhere that is the kind.
    first = named[0] if parts[2] == "s3" or len(named) == 1 else named[1]
    return (bool(account) and _is_any(account)) or _is_any(first)


def says_which(statement: Mapping[str, Any]) -> bool:
    """Whether a condition narrows a statement to some resources."""
    return _is_narrowed(statement, _SAYS_WHICH)


def says_who(statement: Mapping[str, Any]) -> bool:
    """Whether a condition narrows a statement to callers that are known."""
    return _is_narrowed(statement, _SAYS_WHO)


def _is_narrowed(statement: Mapping[str, Any], by: re.Pattern[str]) -> bool:
    conditions: Mapping[str, Mapping[str, Any]] = statement.get("Condition") or {}
    return any(
        by.fullmatch(key)
        and not any(_is_any(value) or value == "false" for value in map(_text, listed(values)))
        for operator, tests in conditions.items()
        if not _LOOSE.search(operator)
        for key, values in tests.items()
    )
