"""The table of config keys in docs/settings.md, made from their declarations in Pulumi.yaml."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

BEGIN, END = "<!-- settings -->", "<!-- end of settings -->"


def table(project: Path) -> str:
    """A Markdown table with a row a key: type, default, meaning."""
    rows = ["| key | type | default | what it sets |", "| --- | --- | --- | --- |"]
    for key, declaration in yaml.safe_load(project.read_text())["config"].items():
        default = declaration.get("default")
        # An empty default means "not set"; the description says what holds then.
        shown = f"`{default}`" if default else ""
        description = " ".join(str(declaration.get("description", "")).split()).replace("|", "\\|")
        rows.append(
            f"| `{key.removeprefix('tts-platform:')}` | {declaration['type']} | {shown} | {description} |"
        )
    return "\n".join(rows)


def with_table(page: str, project: Path) -> str:
    """The page's text with the table between its two marks."""
    replacement = f"{BEGIN}\n{table(project)}\n{END}"
    return re.sub(f"{BEGIN}.*?{END}", lambda _: replacement, page, flags=re.DOTALL)


def write(page: Path, project: Path) -> None:
    """Puts the table into the page."""
    page.write_text(with_table(page.read_text(), project))
