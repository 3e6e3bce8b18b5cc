"""The README's table of config keys, made from their declarations in Pulumi.yaml."""

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


def with_table(readme: str, project: Path) -> str:
    """The README's text with the table between its two marks."""
    replacement = f"{BEGIN}\n{table(project)}\n{END}"
    return re.sub(f"{BEGIN}.*?{END}", lambda _: replacement, readme, flags=re.DOTALL)


def write(readme: Path, project: Path) -> None:
    """Puts the table into the README."""
    readme.write_text(with_table(readme.read_text(), project))
