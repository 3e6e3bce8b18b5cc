"""Which pull requests are closed, as GitHub says it: each has the ephemeral stack `pr-<number>`.

A pull request that has a conflict starts no workflow when it is closed, so that its stack would live to its end.
https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from ops import github
from ops.errors import OpsError


@dataclass(frozen=True)
class Closed:
    """What GitHub says of the pull requests that stacks are named after."""

    names: frozenset[str] = frozenset()
    """The stacks whose pull request is closed."""

    unsaid: tuple[str, ...] = ()
    """Why nothing is known of others, a line each."""


def of_closed(repository: str, names: Iterable[str]) -> Closed:
    """The stacks among `names` whose pull request is closed. Raises OpsError where there is no token to ask with."""
    numbers = {name: match[1] for name in names if (match := re.fullmatch(r"pr-([1-9]\d*)", name))}
    if not numbers:
        return Closed()
    closed, unsaid = set[str](), list[str]()
    with github.client("read pull requests") as client:
        for name, number in numbers.items():
            try:
                closed |= {name} if _closed(client, repository, number) else set()
            except OpsError as error:
                # Of one that there is not, a person's own pr-999: the others end all the same.
                unsaid.append(str(error))
    return Closed(frozenset(closed), tuple(unsaid))


def _closed(client: httpx.Client, repository: str, number: str) -> bool:
    try:
        answer = client.get(f"/repos/{repository}/pulls/{number}")
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise OpsError(
            f"GitHub does not say whether pull request {number} is closed: {error.response.status_code}."
        ) from None
    except httpx.HTTPError as error:
        raise OpsError(f"GitHub does not answer: {error}") from None
    return bool(answer.json()["state"] == "closed")
