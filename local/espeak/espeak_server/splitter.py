"""Cuts text that arrives in pieces into the units that are spoken one by one."""

import re
from typing import Literal

# A Latin mark ends a unit only with white space after it ("3.14", or a mark at the end of what has arrived so
# far); the marks of other scripts end it by themselves. They look like Latin ones to ruff, hence RUF001.
_ENDS = {
    "sentence": re.compile(r"[.!?]+[\"'”’)\]]*\s+|[。！？…।॥؟]+[”’」』）]*\s*"),  # noqa: RUF001
    "clause": re.compile(r"[.!?,;]+[\"'”’)\]]*\s+|[。！？…।॥؟，；、،؛]+[”’」』）]*\s*"),  # noqa: RUF001
}


class Splitter:
    """The text of one utterance that has arrived and is not spoken yet."""

    def __init__(self, granularity: Literal["none", "sentence", "clause"] = "none") -> None:
        self._end = _ENDS.get(granularity)
        self._kept = ""

    def __len__(self) -> int:
        return len(self._kept)

    def feed(self, text: str) -> list[str]:
        """The units that this text completes."""
        self._kept += text
        if self._end is None:
            return []
        units: list[str] = []
        start = 0
        for end in self._end.finditer(self._kept):
            units.append(self._kept[start : end.end()].strip())
            start = end.end()
        self._kept = self._kept[start:]
        return units

    def flush(self) -> list[str]:
        """What is left, as the last unit."""
        rest, self._kept = self._kept.strip(), ""
        return [rest] if rest else []
