"""Quantiles of what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed; `ordered` from the smallest on."""
    if not ordered:
        raise ValueError("nothing was measured, so nothing has a quantile")
    # Rounded first: 0.95 * 20 is a little more than 19.
    return ordered[max(0, math.ceil(round(share * len(ordered), 6)) - 1)]
