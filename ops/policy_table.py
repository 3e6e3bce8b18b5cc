"""The tables of docs/policy.md, made from the rules and the exemptions."""

from __future__ import annotations

from pathlib import Path

from policy.exemptions import ANY, EXEMPTIONS
from policy.rules import RULES


def rules() -> str:
    """A Markdown table with a row a rule: name, level, what it says, why."""
    rows = ["| rule | level | what it says | why |", "| --- | --- | --- | --- |"]
    rows += [f"| `{rule.name}` | {rule.level.value} | {rule.says} | {rule.reason} |" for rule in RULES]
    return "\n".join(rows)


def exemptions() -> str:
    """A Markdown table with a row an exemption: rule, object, why."""
    rows = ["| rule | object | why |", "| --- | --- | --- |"]
    for item in EXEMPTIONS:
        place = {ANY: " in the service's namespace", "": ""}.get(item.namespace, f" in `{item.namespace}`")
        part = f"container `{item.container}` of " if item.container else ""
        rows.append(f"| `{item.rule}` | {part}{item.kind} `{item.name}`{place} | {item.reason} |")
    return "\n".join(rows)


def settings() -> str:
    """A Markdown table of what an organisation can set of the rules."""
    rows = ["| rule | key | default | what it sets |", "| --- | --- | --- | --- |"]
    for rule in RULES:
        for key, default in rule.settings.items():
            shown = ", ".join(f"`{value}`" for value in default)
            rows.append(f"| `{rule.name}` | `{key}` | {shown} | {rule.settings_about[key]} |")
    return "\n".join(rows)


def with_tables(page: str) -> str:
    """The page's text with each table between its two marks."""
    for name, table in (("rules", rules()), ("exemptions", exemptions()), ("settings", settings())):
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    return page


def write(page: Path) -> None:
    """Puts the tables into the page."""
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
