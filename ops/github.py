"""GitHub's API, as the token of a workflow's run may use it."""

from __future__ import annotations

import os

import httpx

from ops.errors import OpsError


def client(may: str) -> httpx.Client:
    """A client. `may` says what the token has to be allowed, where there is none: OpsError then."""
    token = os.environ.get("GH_TOKEN")
    if not token:
        raise OpsError(f"GH_TOKEN is not set: a token that may {may}.")
    return httpx.Client(
        base_url=os.environ.get("GITHUB_API_URL", "https://api.github.com"),
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        timeout=30,
        transport=httpx.HTTPTransport(retries=3),
    )
