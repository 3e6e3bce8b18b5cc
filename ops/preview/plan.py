"""What a preview would do, step by step, out of the events that the engine streams.

The streamed events, and not the digest that `--json` prints otherwise: that leaves the policy packs' results out.
https://www.pulumi.com/docs/iac/cli/commands/pulumi_preview/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ops.preview.difference import Leaf, differences, shown

_PROVIDER: Final = "pulumi:providers:"
_STACK: Final = "pulumi:pulumi:Stack"
_COLOUR: Final = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*[A-Za-z]")

_SECRETS: Final = "kubernetes:core/v1:Secret"
_CONTENT: Final = ("data", "stringData")
"""Of a Secret. The SDK marks it, but not where an object of an upstream's manifest is made as it stands."""

_NOISE: Final = ("using pulumi-", "an unhandled error occurred: program exited", "preview failed")
"""What the engine says beside the reason."""


class Op(StrEnum):
    """What happens to a resource."""

    CREATE = "created"
    UPDATE = "changed"
    REPLACE = "replaced"
    DELETE = "deleted"


_ORDER: Final = (Op.DELETE, Op.REPLACE, Op.UPDATE, Op.CREATE)


_OPS: Final = {
    "create": Op.CREATE,
    "import": Op.CREATE,
    "update": Op.UPDATE,
    "replace": Op.REPLACE,
    "delete": Op.DELETE,
}
"""By the engine's word. Every replacement has a `replace`, whatever other steps it takes."""

_COMES: Final = ("create-replacement", "import-replacement")
"""The step that makes what a replaced resource becomes."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that is not as it was."""

    op: Op
    kind: str
    """Its type token: kubernetes:core/v1:PersistentVolumeClaim."""

    name: str
    """As Kubernetes knows it (namespace/name), or the program."""

    old: Mapping[str, Any]
    """Its inputs before, empty where it is created; what is secret is the text [secret]."""

    new: Mapping[str, Any]
    leaves: tuple[Leaf, ...] = ()
    """What is different, value by value."""

    reasons: tuple[str, ...] = ()
    """The properties that make it another resource."""

    retained: bool = False
    """What is deleted in the state only, and stays where it is."""

    deleted_first: bool = False
    """Whether a replaced one goes before its successor comes."""

    succeeded: bool = False
    """Whether something else of the same use comes before it goes."""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """What a policy pack has to say of a resource."""

    policy: str
    mandatory: bool
    resource: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A preview."""

    changes: tuple[Change, ...] = ()
    violations: tuple[Violation, ...] = ()
    errors: tuple[str, ...] = ()
    """Why the preview failed."""

    warnings: tuple[str, ...] = ()
    failed: bool = False

    @property
    def refused(self) -> bool:
        """Whether it failed only because a policy is mandatory: what it would change is known all the same."""
        return self.failed and not self.errors and any(violation.mandatory for violation in self.violations)


def in_order(change: Change) -> tuple[int, str, str]:
    """A key to sort by: what goes comes first."""
    return _ORDER.index(change.op), change.kind, change.name


def parsed(lines: Iterable[str], code: int, said: str = "") -> Plan:
    """A preview's plan, from what it printed, its exit code, and what it said on the error stream."""
    events = [event for line in lines if (event := _event(line)) is not None]
    changes = sorted(_changes(events), key=in_order)
    errors = tuple(dict.fromkeys(_diagnostics(events, "error")))
    violations = tuple(_violations(events))
    if code and not errors and not any(violation.mandatory for violation in violations):
        errors = tuple(_plain(line) for line in [said.strip()] if line) or (
            f"pulumi ended with exit code {code}.",
        )
    return Plan(
        changes=tuple(changes),
        violations=violations,
        errors=errors if code else (),
        warnings=tuple(dict.fromkeys(_diagnostics(events, "warning"))),
        failed=code != 0,
    )


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _changes(events: list[dict[str, Any]]) -> Iterator[Change]:
    steps = [event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event]
    order = [(step["op"], step["urn"]) for step in steps]
    for step in steps:
        op = _op(step, order)
        if op is not None and _counts(step, op):
            yield _change(step, op, deleted_first=op is Op.REPLACE and _goes_first(step["urn"], order))


def _op(step: Mapping[str, Any], order: Sequence[tuple[str, str]]) -> Op | None:
    # An update that was killed, or could not delete, leaves it to the next one: then there is no `replace` beside it.
    if step["op"] == "delete-replaced" and ("replace", step["urn"]) not in order:
        return Op.DELETE
    return _OPS.get(step["op"])


def _goes_first(urn: str, order: Sequence[tuple[str, str]]) -> bool:
    if ("delete-replaced", urn) not in order:
        return False
    comes = [order.index((op, urn)) for op in _COMES if (op, urn) in order]
    return not comes or order.index(("delete-replaced", urn)) < min(comes)


def _counts(step: Mapping[str, Any], op: Op) -> bool:
    """Whether it is something outside of Pulumi. A provider counts where all that was made through it goes along."""
    state = step.get("new") or step.get("old") or {}
    if str(step["type"]).startswith(_PROVIDER):
        return op is Op.REPLACE
    return bool(state.get("custom")) and step["type"] != _STACK


def _change(step: Mapping[str, Any], op: Op, *, deleted_first: bool) -> Change:
    old, new = step.get("old") or {}, step.get("new") or {}
    before, after = shown(old.get("inputs") or {}), shown(new.get("inputs") or {})
    reasons = tuple(step.get("keys") or ()) if op is Op.REPLACE else ()
    hidden = _CONTENT if str(step["type"]).startswith(_SECRETS) else ()
    return Change(
        op=op,
        kind=step["type"],
        name=_name(step, after or before),
        old=before,
        new={} if op is Op.DELETE else after,
        leaves=tuple(differences(before, after, step.get("detailedDiff") or {}, hidden)) if new else (),
        reasons=reasons,
        retained=bool(old.get("retainOnDelete")),
        deleted_first=deleted_first,
    )


def _name(step: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    metadata = inputs.get("metadata")
    if str(step["type"]).startswith("kubernetes:") and isinstance(metadata, dict) and "name" in metadata:
        return "/".join(str(metadata[key]) for key in ("namespace", "name") if metadata.get(key))
    return str(step["urn"]).rpartition("::")[2]


def _violations(events: list[dict[str, Any]]) -> Iterator[Violation]:
    for event in events:
        found = event.get("policyEvent")
        if found:
            yield Violation(
                policy=found.get("policyName", ""),
                mandatory=found.get("enforcementLevel") == "mandatory",
                resource=str(found.get("resourceUrn") or "").rpartition("::")[2],
                message=_plain(found.get("message", "")).strip(),
            )


def _diagnostics(events: list[dict[str, Any]], severity: str) -> Iterator[str]:
    for event in events:
        found = event.get("diagnosticEvent") or {}
        text = _plain(found.get("message", "")).strip()
        if found.get("severity") == severity and text and not text.startswith(_NOISE):
            yield text
    if severity == "error":
        yield from (_plain(event["errorEvent"]["error"]).strip() for event in events if "errorEvent" in event)


def _plain(text: str) -> str:
    return _COLOUR.sub("", text)
