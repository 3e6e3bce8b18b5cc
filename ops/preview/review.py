"""All that a reviewer has to know of a change to one stack, before it is written down in any form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ops.preview.costs import Costs, costs
from ops.preview.gate import LABEL, REFUSED, stopped
from ops.preview.gpu_nodes import succeeded
from ops.preview.meaning import Meaning, meaning
from ops.preview.plan import Change, Op, Plan


@dataclass(frozen=True, kw_only=True)
class Review:
    """A stack's preview, and what Argo CD would change beside it."""

    stack: str
    plan: Plan
    delivered: tuple[Change, ...] = ()
    """What differs in the stack's manifests; empty where Pulumi applies the service itself."""

    data_loss_allowed: bool = False
    from_nothing: bool = False
    """Whether it is compared with no state at all: everything is created, and nothing can be seen to go."""

    changes: tuple[Change, ...] = field(init=False)
    """All of them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "plan", replace(self.plan, changes=succeeded(self.plan.changes)))
        object.__setattr__(self, "changes", (*self.plan.changes, *self.delivered))

    @property
    def counts(self) -> Counter[Op]:
        """How many resources are created, changed, replaced and deleted."""
        return Counter(change.op for change in self.changes)

    @property
    def costs(self) -> Costs:
        """What it makes of the bill."""
        return costs(self.changes)

    @property
    def stopped(self) -> list[Change]:
        """What has to be meant."""
        return stopped(self.changes)

    @property
    def code(self) -> int:
        """The exit code."""
        if self.plan.failed:
            return 1
        return REFUSED if self.stopped and not self.data_loss_allowed else 0

    @property
    def refusal(self) -> str | None:
        """Why it ends with another code than 0, in one line."""
        if self.plan.failed:
            return (
                f"A policy refuses {self.stack}."
                if self.plan.refused
                else f"The preview of {self.stack} failed."
            )
        if self.code == 0:
            return None
        names = ", ".join(f"{change.name} ({kind(change)}) {change.op}" for change in self.stopped[:5])
        more = f" and {len(self.stopped) - 5} more" if len(self.stopped) > 5 else ""
        return (
            f"Stack {self.stack} would lose data or its last GPU node: {names}{more}. If that is meant, give the pull "
            f"request the label {LABEL}, or make preview ALLOW_DATA_LOSS=1."
        )

    def meanings(self) -> dict[Meaning, list[Change]]:
        """What the changes mean, the worst first."""
        found: dict[Meaning, list[Change]] = {}
        for change in self.changes:
            means = meaning(change)
            if means is not None:
                found.setdefault(means, []).append(change)
        return dict(sorted(found.items(), key=lambda item: item[0].weight))

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "stack": self.stack,
            "failed": self.plan.failed,
            "from_nothing": self.from_nothing,
            "errors": list(self.plan.errors),
            "warnings": list(self.plan.warnings),
            "counts": {op.value: self.counts[op] for op in Op},
            "stopped": [change.name for change in self.stopped],
            "dollars_a_month": float(round(self.costs.difference, 2)),
            "changes": list(_rows(self.plan.changes)),
            "delivered": list(_rows(self.delivered)),
            "violations": [vars(violation) for violation in self.plan.violations],
        }


def kind(change: Change) -> str:
    """The last word of its type, which is what people call it."""
    return change.kind.rpartition(":")[2]


def _rows(changes: Sequence[Change]) -> Iterator[dict[str, Any]]:
    for change in changes:
        means = meaning(change)
        yield {
            "op": change.op.value,
            "kind": change.kind,
            "name": change.name,
            "meaning": means.text if means else None,
            "weight": means.weight.name.lower() if means else None,
            "reasons": list(change.reasons),
            "diff": [
                {"path": leaf.path, "before": leaf.before, "after": leaf.after, "replaces": leaf.replaces}
                for leaf in change.leaves
            ],
        }
