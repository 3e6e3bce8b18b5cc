"""What a change means for a service that runs."""

from __future__ import annotations

from dataclasses import dataclass

from ops.preview.effects import TABLE
from ops.preview.plan import Change, Op
from ops.preview.rows import Weight


@dataclass(frozen=True)
class Meaning:
    """What a change means."""

    weight: Weight
    text: str


def meaning(change: Change) -> Meaning | None:
    """What it means; None where the table has nothing to say."""
    for kind, rows in TABLE.items():
        if not covers(kind, change.kind):
            continue
        for row in rows:
            if change.op in row.ops and row.applies(change):
                if change.retained and change.op in (Op.DELETE, Op.REPLACE):
                    return Meaning(Weight.NOTE, "Nobody looks after it any more, and it stays where it is.")
                return Meaning(row.weight, row.text)
    return None


def covers(kind: str, other: str) -> bool:
    """Whether an entry of the table is about a type."""
    return other.startswith(kind) if kind.endswith(("/", ":")) else other == kind
