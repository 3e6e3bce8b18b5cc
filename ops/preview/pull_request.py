"""One comment a stack on a pull request of GitHub: made the first time, and edited from then on.

https://docs.github.com/en/rest/issues/comments
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx

from ops import github
from ops.errors import OpsError

_BOT: Final = "github-actions[bot]"
_NEXT: Final = "next"
_MARKER: Final = re.compile(r"<!-- tts-platform (?:preview|ephemeral): \S+ -->")


def publish(repository: str, number: int, text: str) -> str:
    """Puts the text under the pull request, in the place of the one with the same first line; returns its URL."""
    marker = text.partition("\n")[0]
    if _MARKER.fullmatch(marker) is None:
        raise OpsError("This is no comment of a preview: make preview STACK=... FORMAT=markdown writes one.")
    root = f"/repos/{repository}/issues"
    with _github() as client:
        there = next((key for key, first in _ours(client, root, number) if first == marker), None)
        if there is None:
            answer = client.post(f"{root}/{number}/comments", json={"body": text})
        else:
            answer = client.patch(f"{root}/comments/{there}", json={"body": text})
        answer.raise_for_status()
        return str(answer.json()["html_url"])


def markers(repository: str, number: int) -> set[str]:
    """The first lines of our comments under the pull request."""
    with _github() as client:
        return {marker for _, marker in _ours(client, f"/repos/{repository}/issues", number)}


def _ours(client: httpx.Client, root: str, number: int) -> Iterator[tuple[int, str]]:
    """Our comments, by their numbers and first lines."""
    url: str | None = f"{root}/{number}/comments?per_page=100"
    while url is not None:
        answer = client.get(url)
        answer.raise_for_status()
        comments: list[dict[str, Any]] = answer.json()
        for comment in comments:
            found = _MARKER.match(str(comment["body"]))
            # Anybody can write the marker.
            if found is not None and (comment["user"] or {}).get("login") == _BOT:
                yield int(comment["id"]), found[0]
        url = answer.links.get(_NEXT, {}).get("url")


@contextmanager
def _github() -> Iterator[httpx.Client]:
    """GitHub, whose refusals are one line."""
    with github.client("write comments on pull requests") as client:
        try:
            yield client
        except httpx.HTTPStatusError as error:
            said = error.response.json().get("message", "") if _is_json(error.response) else ""
            raise OpsError(f"GitHub refuses the comment: {error.response.status_code} {said}") from None
        except httpx.HTTPError as error:
            raise OpsError(f"GitHub does not answer: {error}") from None


def _is_json(response: httpx.Response) -> bool:
    return "json" in response.headers.get("Content-Type", "")
