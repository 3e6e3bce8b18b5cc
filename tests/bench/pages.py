"""The tables of figures in the pages of docs/, which are written anew from what is kept.

A page says where one is, and what is in it:

    <!-- table edge-small-closed by side
    requests per second
    p95: HTTP/1.1, 50; HTTP/2, 50
    -->
    <!-- end -->

A line is `figure: cases | sides`; cases and sides, with semicolons between them, may be left out where all are wanted;
they come in the order in which they are named.

`by side` has a column for each side, a row for each case, and of alternatives the second side's ratio to the first; `by
side without ratios` leaves that out. `by case` has a row for each side. `by figure` has a column for each side's figure
and a row for each case; `by figure with sides below` a column for each figure and a row for each side of each case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.bench.results import KEPT, Results, Series
from tests.bench.tables import cell, ratio

PAGES: Final = tuple(KEPT.parent / name for name in ("benchmarks.md", "scale.md"))

_TABLE: Final = re.compile(
    r"(?P<begin><!-- table (?P<name>[\w-]+) by "
    r"(?P<columns>side(?: without ratios)?|case|figure(?: with sides below)?)\n(?P<lines>.*?)\n-->\n)"
    r".*?(?P<end><!-- end -->)",
    re.DOTALL,
)


def write(results: Sequence[Results]) -> list[Path]:
    """Writes the tables into the pages; returns those that have changed.

    ValueError where a page asks for what is not kept.
    """
    changed = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if (new := filled(text, results)) != text:
            page.write_text(new, encoding="utf-8")
            changed.append(page)
    return changed


def filled(page: str, results: Sequence[Results]) -> str:
    """The page with its tables as the results are."""
    named = {result.name: result for result in results}

    def table(found: re.Match[str]) -> str:
        if found["name"] not in named:
            raise ValueError(f"no results are kept of {found['name']}")
        result = named[found["name"]]
        wanted = [series for line in found["lines"].splitlines() for series in _series(result, line)]
        rows = _rows(wanted, found["columns"], alternatives=result.alternatives)
        head, *body = (f"| {' | '.join(row)} |\n" for row in rows)
        return f"{found['begin']}{head}| --- |{' ---: |' * (len(rows[0]) - 1)}\n{''.join(body)}{found['end']}"

    return _TABLE.sub(table, page)


def _series(results: Results, line: str) -> list[Series]:
    asked, _, sides = line.partition(" | ")
    figure, _, cases = asked.partition(": ")
    found = results.of(figure)
    for wanted, of in ((cases, _case), (sides, _side)):
        if not wanted:
            continue
        names = wanted.split("; ")
        if set(names) - set(map(of, found)):
            found = []
        found = [series for name in names for series in found if of(series) == name]
    if not found:
        raise ValueError(f"{results.name} has nothing of {line!r}")
    return found


def _rows(wanted: Sequence[Series], columns: str, *, alternatives: bool) -> list[list[str]]:
    figures, sides = ({figure(one) for one in wanted}, {one.side for one in wanted})
    labels: dict[str, tuple[Callable[[Series], str], Callable[[Series], str]]] = {
        "side": (_side, lambda one: _joined(one.case, figure(one) if len(figures) > 1 else "")),
        "case": (_case, lambda one: _joined(one.side if one.side != one.figure else "", figure(one))),
        "figure": (lambda one: _joined(one.side if len(sides) > 1 else "", figure(one)), _case),
        "figure with sides below": (figure, lambda one: _joined(one.case, one.side)),
    }
    compared = alternatives and columns == "side"
    columns = columns.removesuffix(" without ratios")
    column, row = labels[columns]
    across, down = (list(dict.fromkeys(map(label, wanted))) for label in (column, row))
    found = {(row(one), column(one)): one for one in wanted}
    compared = compared and len(across) > 1
    corner = figures.pop() if columns == "side" and len(figures) == 1 else ""
    table = [[corner, *across, *([f"{across[1]} / {across[0]}"] if compared else [])]]
    for name in down:
        cells = [cell(found[name, at]) if (name, at) in found else "" for at in across]
        first, second = (found.get((name, at)) for at in (across * 2)[:2])
        table.append([name, *cells, *([ratio(first, second)] if compared else [])])
    return table


def _case(series: Series) -> str:
    return series.case


def _side(series: Series) -> str:
    return series.side


def figure(series: Series) -> str:
    """Its name, with its unit where the name does not say it: so many a second."""
    return f"{series.figure}, {series.unit}" if series.unit not in ("", "1/s") else series.figure


def _joined(*parts: str) -> str:
    return ": ".join(filter(None, parts))
