"""A terminal's tables: when a ratio stands beside a figure."""

import pytest

from tests.bench.results import Results
from tests.bench.tables import MOST_WITH_RATIOS, tables


def headings(sides: int, *, alternatives: bool) -> list[str]:
    results = Results(name="any", title="Any", alternatives=alternatives)
    for side in range(1, sides + 1):
        results.add(f"side {side}", "a case", "p95", "ms", float(side))
    (table,) = tables(results)
    return [str(column.header) for column in table.columns]


def test_each_further_side_has_its_ratio_to_the_first() -> None:
    assert headings(3, alternatives=True) == ["case", "side 1", "side 2", "/ side 1", "side 3", "/ side 1"]


@pytest.mark.parametrize(("sides", "alternatives"), [(3, False), (MOST_WITH_RATIOS + 1, True)])
def test_what_nobody_compares_has_none(sides: int, alternatives: bool) -> None:
    assert headings(sides, alternatives=alternatives) == [
        "case",
        *(f"side {side}" for side in range(1, sides + 1)),
    ]
