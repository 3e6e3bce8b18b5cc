"""Figures side by side, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.table import Table

from tests.bench.results import Results, Series

MOST_WITH_RATIOS: Final = 3
"""Sides. With more of them, as with shares of a whole, nobody compares each with the first."""


def tables(results: Results) -> list[Table]:
    """One for each figure."""
    return [_table(results, figure) for figure in results.figures]


def _table(results: Results, figure: str) -> Table:
    """A row a case, a column a side; with few alternatives the ratio of each further one to the first."""
    series = results.of(figure)
    sides = list(dict.fromkeys(item.side for item in series))
    shown = Table(title=f"{results.title}: {figure} ({series[0].unit})", title_justify="left")
    shown.add_column("case")
    ratios = results.alternatives and len(sides) <= MOST_WITH_RATIOS
    for index, side in enumerate(sides):
        shown.add_column(side, justify="right")
        if index and ratios:
            shown.add_column(f"/ {sides[0]}", justify="right")
    for case in dict.fromkeys(item.case for item in series):
        found = {item.side: item for item in series if item.case == case}
        shown.add_row(case, *_cells(sides, found, ratios=ratios))
    return shown


def _cells(sides: Sequence[str], found: dict[str, Series], *, ratios: bool) -> list[str]:
    first = found.get(sides[0])
    cells: list[str] = []
    for index, side in enumerate(sides):
        item = found.get(side)
        cells.append("-" if item is None else cell(item))
        if index and ratios:
            cells.append(ratio(first, item) or "-")
    return cells


def ratio(first: Series | None, second: Series | None) -> str:
    """How many times the first the second is; nothing where one is missing, zero or less."""
    if first is None or second is None or first.median <= 0 or second.median <= 0:
        return ""
    return f"{second.median / first.median:.2f}"


def cell(series: Series) -> str:
    """The median, and from where to where it went where there were several runs."""
    if len(series.values) < 2:
        return number(series.median)
    return f"{number(series.median)} ({number(min(series.values))} to {number(max(series.values))})"


def number(value: float) -> str:
    """Three figures, which is more than a shared machine is good for."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
