"""A benchmark's figures, as they are kept: docs/benchmarks/NAME.json, with the machine that they are of."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any, Final

from pydantic import BaseModel, Field

from bench.machine import machine

KEPT: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"


class Series(BaseModel):
    """One figure of one side, measured several times."""

    side: str
    """What is compared: envoy, nginx, direct; pulumi, kubectl."""

    case: str
    """Under which circumstances: 50 connections, HTTP/2."""

    figure: str
    """What was measured: requests per second, p95."""

    unit: str
    values: list[float]
    """Of each run, in their order."""

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)


class Results(BaseModel):
    """All of one benchmark."""

    name: str
    machine: dict[str, Any] = Field(default_factory=machine)
    versions: dict[str, str] = Field(default_factory=dict)
    series: list[Series] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)

    def add(self, side: str, case: str, figure: str, unit: str, value: float) -> None:
        """Takes one run's value."""
        for series in self.series:
            if (series.side, series.case, series.figure) == (side, case, figure):
                series.values.append(value)
                return
        self.series.append(Series(side=side, case=case, figure=figure, unit=unit, values=[value]))

    def of(self, figure: str) -> list[Series]:
        """Every side and case of a figure."""
        return [series for series in self.series if series.figure == figure]

    def keep(self) -> Path:
        """Writes it, in place of an earlier run's."""
        KEPT.mkdir(parents=True, exist_ok=True)
        file = KEPT / f"{self.name}.json"
        file.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return file


def kept(name: str) -> Results:
    """What an earlier run has kept."""
    return Results.model_validate_json((KEPT / f"{name}.json").read_text(encoding="utf-8"))
