"""What a program's /metrics say, and what has come to them between two looks."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_LINE: Final = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Metrics:
    """One look."""

    samples: tuple[tuple[str, Mapping[str, str], float], ...]

    @classmethod
    def parse(cls, text: str) -> Metrics:
        samples = []
        for line in text.splitlines():
            match = _LINE.match(line)
            if match is not None:
                labels = dict(_LABEL.findall(match["labels"] or ""))
                samples.append((match["name"], labels, float(match["value"])))
        return cls(tuple(samples))

    def total(self, name: str, **labels: str) -> float:
        """Sum over every label that is not named."""
        return math.fsum(value for _, value in self._of(name, labels))

    def buckets(self, name: str, **labels: str) -> dict[float, float]:
        """How often a histogram's value was at most so much."""
        sums: dict[float, float] = defaultdict(float)
        for found, value in self._of(f"{name}_bucket", labels):
            sums[float(found["le"])] += value
        return dict(sums)

    def _of(self, name: str, labels: Mapping[str, str]) -> list[tuple[Mapping[str, str], float]]:
        return [
            (found, value)
            for sample, found, value in self.samples
            if sample == name and labels.items() <= found.items()
        ]


def quantile(share: float, before: Mapping[float, float], after: Mapping[float, float]) -> float | None:
    """Of what a histogram has taken in between: interpolated within a bucket, as Prometheus does. None of nothing."""
    counts = {bound: count - before.get(bound, 0.0) for bound, count in sorted(after.items())}
    total = counts.get(math.inf, 0.0)
    if total <= 0:
        return None
    below, lower = 0.0, 0.0
    for bound, count in counts.items():
        if count >= share * total:
            if math.isinf(bound) or count == below:
                return lower
            return lower + (bound - lower) * (share * total - below) / (count - below)
        below, lower = count, bound
    return lower
