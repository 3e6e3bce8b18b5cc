"""What a pull request may not do in passing: lose data, or take the last GPU node away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ops.preview.meaning import meaning
from ops.preview.plan import Change
from ops.preview.rows import Weight

REFUSED: Final = 3
"""The exit code of a preview that the gate stops. 1 is a preview that failed, 2 a command that was written wrong."""

LABEL: Final = "allows-data-loss"
"""The label by which a pull request says that it is meant."""


def stopped(changes: Sequence[Change]) -> list[Change]:
    """The changes that have to be meant."""
    return [change for change in changes if _weighs(change)]


def _weighs(change: Change) -> bool:
    means = meaning(change)
    return means is not None and means.weight in (Weight.DATA, Weight.GPUS)
