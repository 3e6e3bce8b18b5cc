"""Figures as pictures: PNG for a chat, SVG for a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis

from tests.bench.quantiles import quantile
from tests.bench.results import Drawn, Results, Series, Shape

# The same text in, the same file out: a picture changes only with its figures.
mpl.rcParams.update({"svg.hashsalt": "tts-platform", "svg.fonttype": "none", "font.size": 10})

_MANY: Final = 10
"""Where a line's largest number is more than so many times its smallest, its axis is logarithmic."""

_ENOUGH: Final = 10
"""Points that a box has something to say about."""

_WIDTH: Final = 10.0
"""Inches of a picture: a page is 840 pixels wide, and shrinks what is wider until nobody can read it."""

_COLOURS: Final = {
    "Envoy": "#1f77b4",
    "Envoy, no retry": "#8fc1e3",
    "nginx": "#2ca02c",
    "nginx, 10s": "#98d594",
    "no proxy": "#9a9a9a",
    "pulumi": "#7b5fc9",
    "kubectl": "#e08214",
    "local stack": "#1f77b4",
    "through the edge": "#1f77b4",
    "from the pod": "#9a9a9a",
    "least request": "#1f77b4",
    "round robin": "#e08214",
    "Contour": "#d1495b",
    "contour": "#d1495b",
    "envoy": "#1f77b4",
    "kube-apiserver": "#7b5fc9",
    "engine": "#7b5fc9",
    "cluster": "#1f77b4",
    "waiting": "#d0d0d0",
    "program": "#2ca02c",
    "import": "#98d594",
    "provider": "#d1495b",
    "language host": "#c9a227",
    "together": "#3a4650",
}
"""The same in every picture."""

_OTHERS: Final = ("#17849a", "#d1495b", "#c9a227", "#7b5fc9", "#2ca02c", "#e08214", "#8c564b", "#e377c2")
"""Of what has none above, in turn."""

_LIMITS: Final = {"first audio": 500.0, "first audio, p95": 500.0}
"""Figures that have a limit, which is drawn."""

_CAPTIONS: Final = {
    Shape.BARS: "bar: median; thin line: smallest to largest",
    Shape.LINES: "line: median; band: smallest to largest",
    Shape.DISTRIBUTION: "point: one measurement; box, from ten of them on: the middle half, with the median",
}


def draw(results: Results, directory: Path) -> list[Path]:
    """One PNG and one SVG with every figure that is to be drawn; none where there is none."""
    wanted = [drawn for drawn in results.drawn if results.of(drawn.figure)]
    if not wanted:
        return []
    # The cases of a distribution stand in words beside it, which takes half of the width.
    across = 1 if any(drawn.shape is Shape.DISTRIBUTION for drawn in wanted) else min(2, len(wanted))
    down = -(-len(wanted) // across)
    figure, axes = plt.subplots(
        down,
        across,
        figsize=(_WIDTH, sum(_height(drawn, results) for drawn in wanted[::across]) + 0.6),
        height_ratios=[_height(drawn, results) for drawn in wanted[::across]],
        squeeze=False,
        layout="constrained",
    )
    figure.suptitle(results.title)
    figure.supxlabel(
        "\n".join(_CAPTIONS[shape] for shape in dict.fromkeys(drawn.shape for drawn in wanted)), fontsize=8.5
    )
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


def _height(drawn: Drawn, results: Results) -> float:
    if drawn.shape is Shape.DISTRIBUTION:
        return 1.2 + 0.32 * len(results.of(drawn.figure))
    return 4.0


def _one(axes: Axes, drawn: Drawn, series: Sequence[Series]) -> None:
    unit = {"": drawn.figure, "1/s": "per second"}.get(series[0].unit, series[0].unit)
    label = f"{unit} (logarithmic)" if drawn.logarithmic else unit
    across = drawn.shape is Shape.DISTRIBUTION or _is_whole(series)
    if drawn.shape is Shape.DISTRIBUTION:
        _distribution(axes, series)
    elif drawn.shape is Shape.LINES:
        _lines(axes, series, logarithmic=drawn.logarithmic)
        axes.set_xlabel(drawn.x)
    elif _is_whole(series):
        _stacked(axes, series)
    else:
        _bars(axes, series)
    if drawn.logarithmic:
        (axes.set_xscale if across else axes.set_yscale)("log")
        _plain(axes.xaxis if across else axes.yaxis)
    (axes.set_xlabel if across else axes.set_ylabel)(label)
    axes.grid(visible=True, axis="x" if across else "y", alpha=0.3)
    if (limit := _LIMITS.get(drawn.figure)) is not None:
        (axes.axvline if across else axes.axhline)(limit, color="#d1495b", linestyle="--", linewidth=1)
    _heading(axes, drawn.figure)


def _heading(axes: Axes, title: str) -> None:
    """The title, and below it the legend: beside the data, never on them."""
    handles, names = axes.get_legend_handles_labels()
    if len(names) < 2:
        axes.set_title(title, fontsize=10, loc="left")
        return
    # As many as the width of half a picture holds.
    columns = 2 if max(map(len, names)) > 18 else 3
    if len(names) == 4:
        columns = 4 if sum(map(len, names)) < 45 else 2
    axes.legend(
        handles,
        names,
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.99),
        ncols=columns,
        frameon=False,
        fontsize=8.5,
        borderaxespad=0.2,
        columnspacing=1.2,
        handlelength=1.4,
    )
    rows = -(-len(names) // columns)
    axes.set_title(title, fontsize=10, loc="left", pad=9 + 13.5 * rows)


def _plain(axis: Axis) -> None:
    """1,000 where matplotlib writes a power of ten, and a few numbers between them."""
    axis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def _colours(sides: Sequence[str]) -> dict[str, str]:
    taken = {_COLOURS[side] for side in sides if side in _COLOURS}
    others = [colour for colour in _OTHERS if colour not in taken]
    unnamed = [side for side in sides if side not in _COLOURS]
    return {side: _COLOURS.get(side) or others[unnamed.index(side) % len(others)] for side in sides}


def _is_whole(series: Sequence[Series]) -> bool:
    """Whether the cases of each side are the shares of one whole."""
    sides = {item.side for item in series}
    return (
        series[0].unit == "%"
        and len(sides) < len(series)
        and all(90 < sum(item.median for item in series if item.side == side) < 110 for side in sides)
    )


def _bars(axes: Axes, series: Sequence[Series]) -> None:
    cases = list(dict.fromkeys(item.case for item in series))
    sides = list(dict.fromkeys(item.side for item in series))
    colours = _colours(sides)
    beside = {case: [item.side for item in series if item.case == case] for case in cases}
    width = 0.8 / max(map(len, beside.values()))
    for side in sides:
        mine = {item.case: item for item in series if item.side == side}
        there = [(place, mine[case]) for place, case in enumerate(cases) if case in mine]
        middles = [item.median for _, item in there]
        below = [item.median - min(item.values) for _, item in there]
        above = [max(item.values) - item.median for _, item in there]
        places = [
            place + (beside[item.case].index(side) - (len(beside[item.case]) - 1) / 2) * width
            for place, item in there
        ]
        axes.bar(
            places,
            middles,
            width,
            # One run has no spread, and a cap in its place would look like one.
            yerr=[below, above] if any((*below, *above)) else None,
            label=side,
            color=colours[side],
            error_kw={"linewidth": 0.8},
        )
        for place, middle in zip(places, middles, strict=True):
            if middle == 0:
                axes.annotate(
                    "0", (place, 0), (0, 2), textcoords="offset points", ha="center", color=colours[side]
                )
    axes.margins(y=0.08)
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.10g}"))
    slanted = len(cases) > 4 or sum(map(len, cases)) > 32
    axes.set_xticks(
        range(len(cases)), cases, rotation=30 if slanted else 0, ha="right" if slanted else "center"
    )


def _stacked(axes: Axes, series: Sequence[Series]) -> None:
    sides = list(dict.fromkeys(item.side for item in series))
    cases = list(dict.fromkeys(item.case for item in series))
    colours = _colours(cases)
    ends = dict.fromkeys(sides, 0.0)
    for case in cases:
        mine = [item for item in series if item.case == case]
        axes.barh(
            [sides.index(item.side) for item in mine],
            [item.median for item in mine],
            0.7,
            left=[ends[item.side] for item in mine],
            label=case,
            color=colours[case],
        )
        for item in mine:
            ends[item.side] += item.median
    axes.set_yticks(range(len(sides)), sides, fontsize=8.5)
    axes.invert_yaxis()


def _lines(axes: Axes, series: Sequence[Series], *, logarithmic: bool) -> None:
    values = [value for item in series for value in item.values]
    # What is zero or less has no place on a logarithmic axis: its band ends at the smallest that has.
    least = min((value for value in values if value > 0), default=0.0) if logarithmic else min(values)
    sides = list(dict.fromkeys(item.side for item in series))
    colours = _colours(sides)
    for side in sides:
        mine = sorted((item.x, item) for item in series if item.side == side and item.x is not None)
        points = [x for x, _ in mine]
        axes.plot(points, [item.median for _, item in mine], marker="o", label=side, color=colours[side])
        axes.fill_between(
            points,
            [max(least, min(item.values)) for _, item in mine],
            [max(item.values) for _, item in mine],
            alpha=0.15,
            color=colours[side],
        )
    measured = sorted({item.x for item in series if item.x is not None})
    if measured[0] > 0 and measured[-1] / measured[0] > _MANY:
        axes.set_xscale("log")
    axes.set_xticks(measured, [f"{x:,.0f}" for x in measured])
    axes.set_xticks([], minor=True)
    if not logarithmic and least >= 0:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.10g}"))


def _distribution(axes: Axes, series: Sequence[Series]) -> None:
    sides = list(dict.fromkeys(item.side for item in series))
    colours = _colours(sides)
    names = [f"{item.case}, {item.side}" if len(sides) > 1 else item.case for item in series]
    for place, item in enumerate(series, start=1):
        axes.plot(
            item.values,
            [place] * len(item.values),
            "o",
            markersize=3.5,
            alpha=0.4 if len(item.values) >= _ENOUGH else 0.9,
            color=colours[item.side],
        )
        if len(item.values) >= _ENOUGH:
            first, middle, third = (quantile(item.values, share) for share in (0.25, 0.5, 0.75))
            box = {"whislo": first, "q1": first, "med": middle, "q3": third, "whishi": third}
            axes.bxp(
                [box],
                [place],
                widths=0.5,
                orientation="horizontal",
                showfliers=False,
                showcaps=False,
                medianprops={"color": "black", "linewidth": 2},
            )
    axes.set_yticks(range(1, len(names) + 1), names)
    axes.set_ylim(len(names) + 0.6, 0.4)
