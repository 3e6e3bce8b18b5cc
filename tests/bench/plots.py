"""Figures as pictures: PNG for a chat, SVG for a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from tests.bench.results import Drawn, Results, Series, Shape

# The same text in, the same file out: a picture changes only with its figures.
mpl.rcParams.update({"svg.hashsalt": "tts-platform", "svg.fonttype": "none", "font.size": 9})

_MANY = 10
"""How many times its smallest number a line's largest is where its axis is logarithmic."""


def draw(results: Results, directory: Path) -> list[Path]:
    """One PNG and one SVG with every figure that is to be drawn; none where there is none."""
    wanted = [drawn for drawn in results.drawn if results.of(drawn.figure)]
    if not wanted:
        return []
    rows = (len(wanted) + 1) // 2
    figure, axes = plt.subplots(
        rows,
        min(2, len(wanted)),
        figsize=(6.4 * min(2, len(wanted)), 4.2 * rows),
        squeeze=False,
        layout="constrained",
    )
    figure.suptitle(results.title)
    places = list(axes.flat)
    for place, drawn in zip(places, wanted, strict=False):
        _one(place, drawn, results.of(drawn.figure))
    for place in places[len(wanted) :]:
        place.set_axis_off()
    directory.mkdir(parents=True, exist_ok=True)
    files = [directory / f"{results.name}.{kind}" for kind in ("png", "svg")]
    for file in files:
        figure.savefig(file, dpi=110, metadata={"Date": None} if file.suffix == ".svg" else None)
    plt.close(figure)
    return files


def _one(axes: Axes, drawn: Drawn, series: Sequence[Series]) -> None:
    axes.set_title(f"{drawn.figure} ({series[0].unit})", fontsize=9)
    match drawn.shape:
        case Shape.BARS:
            _bars(axes, series)
        case Shape.LINES:
            _lines(axes, series)
            axes.set_xlabel(drawn.x)
        case Shape.DISTRIBUTION:
            _distribution(axes, series)
    sides = {item.side for item in series}
    if drawn.shape is not Shape.DISTRIBUTION and len(sides) > 1:
        axes.legend(framealpha=0.6)
    if drawn.logarithmic:
        (axes.set_xscale if drawn.shape is Shape.DISTRIBUTION else axes.set_yscale)("log")
    axes.grid(visible=True, axis="x" if drawn.shape is Shape.DISTRIBUTION else "y", alpha=0.3)


def _bars(axes: Axes, series: Sequence[Series]) -> None:
    cases = list(dict.fromkeys(item.case for item in series))
    sides = list(dict.fromkeys(item.side for item in series))
    width = 0.8 / len(sides)
    for index, side in enumerate(sides):
        mine = {item.case: item for item in series if item.side == side}
        there = [(place, mine[case]) for place, case in enumerate(cases) if case in mine]
        middles = [item.median for _, item in there]
        below = [item.median - min(item.values) for _, item in there]
        above = [max(item.values) - item.median for _, item in there]
        places = [place + (index - (len(sides) - 1) / 2) * width for place, _ in there]
        axes.bar(places, middles, width, yerr=[below, above], label=side, error_kw={"linewidth": 0.8})
    # Room for the legend.
    axes.margins(y=0.2)
    axes.set_xticks(
        range(len(cases)),
        cases,
        rotation=30 if len(cases) > 4 else 0,
        ha="right" if len(cases) > 4 else "center",
    )


def _lines(axes: Axes, series: Sequence[Series]) -> None:
    for side in dict.fromkeys(item.side for item in series):
        mine = sorted((item.x, item) for item in series if item.side == side and item.x is not None)
        points = [x for x, _ in mine]
        axes.plot(points, [item.median for _, item in mine], marker="o", label=side)
        axes.fill_between(
            points, [min(item.values) for _, item in mine], [max(item.values) for _, item in mine], alpha=0.15
        )
    measured = sorted({item.x for item in series if item.x is not None})
    if measured[0] > 0 and measured[-1] / measured[0] >= _MANY:
        axes.set_xscale("log")
    axes.set_xticks(measured, [f"{x:,.0f}" for x in measured])
    axes.set_xticks([], minor=True)


def _distribution(axes: Axes, series: Sequence[Series]) -> None:
    several = len({item.side for item in series}) > 1
    names = [f"{item.case}, {item.side}" if several else item.case for item in series]
    axes.boxplot([item.values for item in series], orientation="horizontal", showfliers=False, widths=0.5)
    for place, item in enumerate(series, start=1):
        axes.plot(item.values, [place] * len(item.values), "o", markersize=3, alpha=0.4)
    axes.set_yticks(range(1, len(names) + 1), names)
    axes.invert_yaxis()
