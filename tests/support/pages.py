"""What the pages in docs/ print, for tests that hold the program to it."""

import re
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

import yaml

DOCS: Final = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str = "") -> list[str]:
    """The fenced blocks of a language, those in lists too."""
    text = (DOCS / page).read_text(encoding="utf-8")
    # Of any language: a fence that is left out would begin a block where it ends one.
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", text, flags=re.DOTALL | re.MULTILINE)
    return [dedent(block) for _, its, block in found if its == language]


def objects(page: str) -> list[Any]:
    """The objects of Kubernetes that a person is to apply, in order."""
    return [item for block in blocks(page, "yaml") for item in yaml.safe_load_all(block)]
