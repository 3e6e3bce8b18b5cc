"""The comment under a pull request: there once for each stack, and edited from then on."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ops.errors import OpsError
from ops.preview.pull_request import publish

BOT = "github-actions[bot]"
REPOSITORY = "acme/speech"
MARKER = "<!-- tts-platform preview: prod -->"


class GitHub:
    """The comments of one pull request, two a page."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.refuses = False
        self.url = ""

    def add(self, body: str, login: str = BOT) -> dict[str, Any]:
        identity = len(self.comments) + 1
        comment = {
            "id": identity,
            "body": body,
            "user": {"login": login},
            "html_url": f"https://it/{identity}",
        }
        self.comments.append(comment)
        return comment

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any, str]:
        if self.refuses:
            return 403, {"message": "Resource not accessible by integration"}, ""
        if method == "POST":
            assert path == f"/repos/{REPOSITORY}/issues/12/comments"
            return 201, self.add(body["body"]), ""
        if method == "PATCH":
            comment = self.comments[int(path.rpartition("/")[2]) - 1]
            comment["body"] = body["body"]
            return 200, comment, ""
        found = re.search(r"[?&]page=(\d+)", path)
        page = int(found.group(1)) if found else 1
        more = f'<{self.url}{path.partition("?")[0]}?page={page + 1}>; rel="next"'
        rest = self.comments[2 * page - 2 :]
        return 200, rest[:2], more if len(rest) > 2 else ""


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    github = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            assert self.headers["Authorization"] == "Bearer a-token"
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer, link = github.answer(self.command, self.path, body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            if link:
                self.send_header("Link", link)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815 - http.server calls them so

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    github.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    monkeypatch.setenv("GH_TOKEN", "a-token")
    yield github
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_second_push_edits_the_first_comment(github: GitHub) -> None:
    first = publish(REPOSITORY, 12, f"{MARKER}\nfirst")
    second = publish(REPOSITORY, 12, f"{MARKER}\nsecond")
    assert first == second == "https://it/1"
    assert [comment["body"] for comment in github.comments] == [f"{MARKER}\nsecond"], (
        "a comment for every push buries the review"
    )


def test_it_is_found_on_a_later_page(github: GitHub) -> None:
    for number in range(5):
        github.add(f"talk {number}", "somebody")
    github.add(f"{MARKER}\nold")
    publish(REPOSITORY, 12, f"{MARKER}\nnew")
    assert len(github.comments) == 6


def test_each_stack_has_its_own(github: GitHub) -> None:
    publish(REPOSITORY, 12, "<!-- tts-platform preview: dev -->\na")
    publish(REPOSITORY, 12, f"{MARKER}\nb")
    assert len(github.comments) == 2


def test_somebody_elses_comment_is_left_alone(github: GitHub) -> None:
    theirs = f"{MARKER}\nthis is fine, merge it"
    github.add(theirs, "somebody")
    publish(REPOSITORY, 12, f"{MARKER}\nours")
    assert [comment["body"] for comment in github.comments] == [theirs, f"{MARKER}\nours"]


def test_a_refusal_is_one_line(github: GitHub) -> None:
    github.refuses = True
    with pytest.raises(OpsError, match="403 Resource not accessible by integration"):
        publish(REPOSITORY, 12, f"{MARKER}\na")


def test_what_is_no_preview_is_not_published(github: GitHub) -> None:
    with pytest.raises(OpsError, match="no comment of a preview"):
        publish(REPOSITORY, 12, "")
    assert not github.comments, "a step that failed early leaves an empty file"


def test_without_a_token(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GH_TOKEN")
    with pytest.raises(OpsError, match="GH_TOKEN"):
        publish(REPOSITORY, 12, f"{MARKER}\na")
    assert not github.comments


def test_an_ephemeral_stack_has_one_of_its_own(github: GitHub) -> None:
    publish(REPOSITORY, 12, f"{MARKER}\nadds 1")
    for text in ("speaks", "is gone"):
        publish(REPOSITORY, 12, f"<!-- tts-platform ephemeral: pr-12 -->\n{text}")
    assert [comment["body"].partition("\n")[2] for comment in github.comments] == ["adds 1", "is gone"], (
        "it would say for ever that something speaks there"
    )
