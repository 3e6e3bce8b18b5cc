"""What a row of the table of effects is made of: which changes it is about, how much they weigh, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from ops.preview.plan import Change, Op

Condition = Callable[[Change], bool]


class Weight(IntEnum):
    """How much it matters, the worst first."""

    DATA = 0
    """Data is lost, and cannot be made again."""

    GPUS = 1
    """No GPU is left."""

    DOWN = 2
    """Somebody who is using the service notices."""

    NOTE = 3
    """Worth a reviewer's look, and nobody is cut off."""


@dataclass(frozen=True)
class Row:
    """What some changes to a kind mean."""

    ops: frozenset[Op]
    weight: Weight
    text: str
    applies: Condition


def of(*ops: Op) -> Callable[..., Row]:
    """Makes rows about these operations. A row without a condition is about each of them."""

    def row(weight: Weight, text: str, applies: Condition = lambda _: True) -> Row:
        return Row(frozenset(ops), weight, text, applies)

    return row


deleted = of(Op.DELETE)
replaced = of(Op.REPLACE)
changed = of(Op.UPDATE)
gone = of(Op.DELETE, Op.REPLACE)
altered = of(Op.DELETE, Op.REPLACE, Op.UPDATE)
DATA, GPUS, DOWN, NOTE = Weight


def touches(*paths: str) -> Condition:
    """A change of what is at one of these paths, or below."""
    return lambda change: any(
        leaf.path == path or leaf.path.startswith((f"{path}.", f"{path}["))
        for leaf in change.leaves
        for path in paths
    )
