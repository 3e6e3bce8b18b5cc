"""Texts of strangers in GitHub's markdown: shown letter by letter, and never taken for markup, a link or a mention.

https://github.github.com/gfm/
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MARKUP = re.compile(r"[^A-Za-z0-9 ,./()'%+=;→…-]|(?<=www)\.", re.IGNORECASE)
"""Every other character may begin markup, a link, a mention or an emoji."""


def escaped(text: str) -> str:
    """A text within a line."""
    # An entity is never markup, which whatever may be would have to be known here otherwise.
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.split()))


def bounded(text: str, room: int) -> str:
    """A text within a line, of at most `room` bytes: one character may take nine of them."""
    while len(escaped(text).encode()) > room:
        text = shortened(text, len(text) * 3 // 4)
    return escaped(text)


def code(text: str) -> str:
    """A text within a line, in the letters of code."""
    return f"<code>{escaped(text)}</code>"


def fenced(lines: Iterable[str], language: str = "") -> str:
    """Lines in a block of code, which nothing in them can end."""
    text = "\n".join(lines)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def folded(summary: str, body: str) -> str:
    """Something that a reader unfolds; `summary` is markup already."""
    # Without the empty lines GitHub takes the body for HTML.
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def shortened(text: str, length: int) -> str:
    """A text of at most this length."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
