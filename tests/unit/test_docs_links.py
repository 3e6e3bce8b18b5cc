import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    files = [target.partition("#")[0] for target in _links(page)]
    assert not [file for file in files if file and not (page.parent / file).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_the_heading_that_a_page_links_to_is_there(page: Path) -> None:
    missing = []
    for target in _links(page):
        file, _, heading = target.partition("#")
        linked = page.parent / file if file else page
        if heading and linked.suffix == ".md":
            missing += [] if heading in _anchors(linked) else [target]
    assert not missing


def _links(page: Path) -> list[str]:
    """What a page links to in this repository."""
    text = re.sub(r"`[^`]*`", "", page.read_text(encoding="utf-8"))
    return [one for one in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", one)]


def _anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them: lower case, dashes for spaces, and no other punctuation."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_no_place_waits_to_be_filled_in(page: Path) -> None:
    assert "@@" not in page.read_text(encoding="utf-8")
