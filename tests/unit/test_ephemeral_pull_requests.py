"""Whose pull request is closed, so that its stack has no purpose any more."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ops.ephemeral_pull_requests import Closed, of_closed
from ops.errors import OpsError

PULLS = {"/repos/acme/speech/pulls/7": "open", "/repos/acme/speech/pulls/12": "closed"}


@pytest.fixture(autouse=True)
def _github(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            state = PULLS.get(self.path)
            text = json.dumps({"state": state}).encode()
            self.send_response(404 if state is None else 200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("GH_TOKEN", "of the run")
    yield
    server.shutdown()
    server.server_close()


def test_a_closed_ones_stack_is_over() -> None:
    names = ["pr-7", "pr-12", "my-branch", "pr-012", "pr-x"]
    assert of_closed("acme/speech", names) == Closed(frozenset({"pr-12"})), (
        "a stack of somebody's branch has its own end"
    )


def test_what_github_does_not_know_is_not_ended_and_keeps_no_other_alive() -> None:
    found = of_closed("acme/speech", ["pr-9", "pr-12"])
    assert found.names == {"pr-12"}
    assert found.unsaid == ("GitHub does not say whether pull request 9 is closed: 404.",)


def test_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GH_TOKEN")
    assert of_closed("acme/speech", ["my-branch"]) == Closed()
    with pytest.raises(OpsError, match="GH_TOKEN"):
        of_closed("acme/speech", ["pr-7"])
