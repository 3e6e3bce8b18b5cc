"""Quantiles of what was measured."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed. ValueError where nothing was measured."""
    if not values:
        raise ValueError("nothing was measured, so nothing has a quantile")
    ordered = sorted(values)
    # In whole numbers: 0.95 times 20 is a little more than 19.
    rank = -(-round(share * 10_000) * len(ordered) // 10_000)
    return ordered[max(0, rank - 1)]
