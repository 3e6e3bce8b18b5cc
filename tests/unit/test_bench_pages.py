"""The tables of figures in the pages."""

from pathlib import Path

import pytest

from tests.bench.pages import PAGES, filled
from tests.bench.results import KEPT, Results, kept


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_pages_tables_are_what_is_kept(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<!-- table" in text
    assert filled(text, kept(KEPT)) == text, "make bench-report writes them anew"


@pytest.fixture
def results() -> list[Results]:
    found = Results(name="edge-x", title="X", machine={})
    for value in (2.0, 4.0):
        found.add("Envoy", "few", "p95", "ms", value)
    found.add("nginx", "few", "p95", "ms", 1.5)
    found.add("Envoy", "many", "p95", "ms", 8)
    found.add("Envoy", "few", "failed", "requests", 0)
    return [found]


def page(asked: str) -> str:
    return f"Before.\n\n<!-- table edge-x {asked}\n-->\nold\n<!-- end -->\n\nAfter.\n"


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def test_a_column_for_each_side(results: list[Results]) -> None:
    assert rows(filled(page("by side\np95"), results)) == [
        "| p95, ms | Envoy | nginx | nginx / Envoy |",
        "| --- | ---: | ---: | ---: |",
        "| few | 3 (2 to 4) | 1.5 | 0.50 |",
        "| many | 8 |  |  |",
    ]


def test_a_column_for_each_case(results: list[Results]) -> None:
    assert rows(filled(page("by case\np95: few\nfailed"), results)) == [
        "|  | few |",
        "| --- | ---: |",
        "| Envoy: p95, ms | 3 (2 to 4) |",
        "| nginx: p95, ms | 1.5 |",
        "| Envoy: failed, requests | 0 |",
    ]


def test_a_column_for_each_figure(results: list[Results]) -> None:
    assert rows(filled(page("by figure\np95\nfailed"), results)) == [
        "|  | Envoy: p95, ms | nginx: p95, ms | Envoy: failed, requests |",
        "| --- | ---: | ---: | ---: |",
        "| few | 3 (2 to 4) | 1.5 | 0 |",
        "| many | 8 |  |  |",
    ]


def test_ratios_are_left_out_where_they_would_mislead(results: list[Results]) -> None:
    assert rows(filled(page("by side without ratios\np95"), results)) == [
        "| p95, ms | Envoy | nginx |",
        "| --- | ---: | ---: |",
        "| few | 3 (2 to 4) | 1.5 |",
        "| many | 8 |  |",
    ]


def test_sides_that_are_no_alternatives_have_no_ratio(results: list[Results]) -> None:
    results[0].alternatives = False
    assert rows(filled(page("by side\np95"), results))[0] == "| p95, ms | Envoy | nginx |"


def test_a_row_for_each_side_of_each_case(results: list[Results]) -> None:
    assert rows(filled(page("by figure with sides below\np95\nfailed"), results)) == [
        "|  | p95, ms | failed, requests |",
        "| --- | ---: | ---: |",
        "| few: Envoy | 3 (2 to 4) | 0 |",
        "| few: nginx | 1.5 |  |",
        "| many: Envoy | 8 |  |",
    ]


def test_only_the_sides_that_are_asked_for(results: list[Results]) -> None:
    assert rows(filled(page("by side\np95: few | nginx\nfailed"), results)) == [
        "|  | nginx | Envoy | Envoy / nginx |",
        "| --- | ---: | ---: | ---: |",
        "| few: p95, ms | 1.5 |  |  |",
        "| few: failed, requests |  | 0 |  |",
    ]


def test_sides_come_as_they_are_named(results: list[Results]) -> None:
    assert rows(filled(page("by side\np95: few | nginx; Envoy"), results)) == [
        "| p95, ms | nginx | Envoy | Envoy / nginx |",
        "| --- | ---: | ---: | ---: |",
        "| few | 1.5 | 3 (2 to 4) | 2.00 |",
    ]


def test_what_is_around_a_table_stays(results: list[Results]) -> None:
    once = filled(page("by side\np95"), results)
    assert once.startswith("Before.\n\n<!-- table edge-x by side\np95\n-->\n|")
    assert once.endswith("|\n<!-- end -->\n\nAfter.\n")
    assert filled(once, results) == once


@pytest.mark.parametrize(
    "asked", ["by side\np99", "by side\np95: none", "by case\np95: few; none", "by side\np95 | none"]
)
def test_what_was_not_measured_is_not_left_out(results: list[Results], asked: str) -> None:
    with pytest.raises(ValueError, match="edge-x has nothing of"):
        filled(page(asked), results)


def test_results_that_are_not_kept(results: list[Results]) -> None:
    with pytest.raises(ValueError, match="edge-y"):
        filled(page("by side\np95").replace("edge-x", "edge-y"), results)
