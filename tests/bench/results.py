"""A benchmark's figures, as they are kept: docs/benchmarks/NAME.json, with the machine that they are of."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any, Final

from pydantic import BaseModel, Field

from tests.bench.machine import machine

KEPT: Final = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
_PARTIAL: Final = ".partial.json"


class Shape(StrEnum):
    """How a figure is drawn."""

    BARS = "bars"
    """Cases beside each other, a bar for each side; whiskers from the smallest to the largest run."""

    LINES = "lines"
    """Over `Series.x`, a line for each side."""

    DISTRIBUTION = "distribution"
    """Every single run as a point, with the quartiles: cases from top to bottom."""


class Series(BaseModel):
    """One figure of one side, measured several times."""

    side: str
    """What is compared: Envoy, nginx, no proxy; pulumi, kubectl."""

    case: str
    """Under which circumstances: HTTP/2, 50 connections."""

    figure: str
    """What was measured: requests per second, p95."""

    unit: str
    x: float | None = None
    """The case as a number, where it is one: connections, routes."""

    values: list[float]
    """Of each run, in their order."""

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)


class Drawn(BaseModel):
    """A plot of one figure."""

    figure: str
    shape: Shape
    x: str = ""
    """What is on the horizontal axis of lines."""

    logarithmic: bool = False


class Results(BaseModel):
    """All of one benchmark."""

    name: str
    """Of its files: edge-small."""

    title: str
    machine: dict[str, Any] = Field(default_factory=machine)
    versions: dict[str, str] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    """What a reader of the figures has to know: how a load was made, what was left out."""

    alternatives: bool = True
    """Whether the sides do the same thing in different ways, so that the ratio of two says something."""

    complete: bool = Field(default=True, exclude=True)
    """Whether there is no more to come. What is not is kept beside the whole one of an earlier run."""

    drawn: list[Drawn] = Field(default_factory=list)
    series: list[Series] = Field(default_factory=list)

    def add(self, side: str, case: str, figure: str, unit: str, value: float, x: float | None = None) -> None:
        """Takes one run's value."""
        for series in self.series:
            if (series.side, series.case, series.figure) == (side, case, figure):
                series.values.append(value)
                return
        self.series.append(Series(side=side, case=case, figure=figure, unit=unit, x=x, values=[value]))

    def of(self, figure: str) -> list[Series]:
        """Every side and case of a figure."""
        return [series for series in self.series if series.figure == figure]

    @property
    def figures(self) -> list[str]:
        """In the order in which they came."""
        return list(dict.fromkeys(series.figure for series in self.series))

    def keep(self, directory: Path) -> Path:
        """Writes it, in place of an earlier run's."""
        directory.mkdir(parents=True, exist_ok=True)
        whole, partial = directory / f"{self.name}.json", directory / f"{self.name}{_PARTIAL}"
        file = whole if self.complete else partial
        file.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        if self.complete:
            partial.unlink(missing_ok=True)
        return file


def kept(directory: Path) -> list[Results]:
    """What earlier runs have kept whole."""
    return [
        Results.model_validate_json(file.read_text(encoding="utf-8"))
        for file in sorted(directory.glob("*.json"))
        if not file.name.endswith(_PARTIAL)
    ]
