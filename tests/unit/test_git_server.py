"""The git server of deliveries on the embedded cluster, with git itself as its client."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from local import paths
from local.git_server import BRANCH, GitServer

TOKEN = "s3cret"  # noqa: S105 - it opens a repository of this test only


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "server") as server:
        yield server


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "server", token=TOKEN) as server:
        commit(server, {"a.yaml": "a: 1\n"}, "First")
        yield server


def commit(server: GitServer, files: Mapping[str, str | None], message: str) -> str:
    """Pushes files by their paths, None removing one, on top of what was pushed last. The new commit's id."""
    work = server.repository.parent.parent / "work"
    if not work.exists():
        work.mkdir()
        git("init", f"--initial-branch={BRANCH}", cwd=work)
        git("remote", "add", "origin", str(server.repository), cwd=work)
    git("pull", "origin", BRANCH, cwd=work)
    for path, content in files.items():
        file = work / path
        if content is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
    git("add", "--all", cwd=work)
    git("commit", "--message", message, cwd=work)
    pushed = git("push", "origin", BRANCH, cwd=work)
    assert pushed.returncode == 0, pushed.stderr
    return server.head


def git(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@localhost")
    return subprocess.run(
        ["git", *who, *arguments],
        cwd=cwd,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def with_password(url: str, password: str) -> str:
    return url.replace("http://", f"http://anybody:{password}@")


class TestWhatIsServed:
    def test_a_commit_can_be_cloned(self, server: GitServer, tmp_path: Path) -> None:
        head = commit(server, {"manifests/prod/a.yaml": "a: 1\n"}, "First")
        assert git("clone", server.url, "copy", cwd=tmp_path).returncode == 0
        assert (tmp_path / "copy/manifests/prod/a.yaml").read_text() == "a: 1\n"
        assert git("rev-parse", BRANCH, cwd=tmp_path / "copy").stdout.strip() == head

    def test_the_next_commit_is_seen_at_once(self, server: GitServer, tmp_path: Path) -> None:
        commit(server, {"a.yaml": "a: 1\n", "b.yaml": "b: 1\n"}, "First")
        git("clone", server.url, "copy", cwd=tmp_path)
        head = commit(server, {"a.yaml": "a: 2\n", "b.yaml": None}, "Second")
        assert git("ls-remote", server.url, BRANCH, cwd=tmp_path).stdout.split()[0] == head, (
            "time from push to served would be the server's own"
        )
        git("pull", cwd=tmp_path / "copy")
        assert [file.name for file in (tmp_path / "copy").glob("*.yaml")] == ["a.yaml"], (
            "what git dropped would never be pruned"
        )

    def test_a_commit_can_be_asked_for_by_its_id(self, server: GitServer, tmp_path: Path) -> None:
        first = commit(server, {"a.yaml": "a: 1\n"}, "First")
        commit(server, {"a.yaml": "a: 2\n"}, "Second")
        git("init", "copy", cwd=tmp_path)
        fetched = git("-c", "protocol.version=0", "fetch", server.url, first, cwd=tmp_path / "copy")
        assert fetched.returncode == 0, (
            "Argo CD fetches the revision that it found, which may be no branch's head"
        )

    def test_a_push_over_http_is_taken_and_built_on(self, server: GitServer, tmp_path: Path) -> None:
        commit(server, {"a.yaml": "a: 1\n"}, "First")
        git("clone", server.url, "copy", cwd=tmp_path)
        # Larger than http.postBuffer, so that git sends it in chunks of unknown number.
        (tmp_path / "copy/large").write_bytes(os.urandom(3 << 20))
        git("add", "--all", cwd=tmp_path / "copy")
        git("commit", "--message", "Large", cwd=tmp_path / "copy")
        pushed = git("push", cwd=tmp_path / "copy")
        assert pushed.returncode == 0, f"a pipeline could release nothing: {pushed.stderr}"
        assert server.head == git("rev-parse", "HEAD", cwd=tmp_path / "copy").stdout.strip()
        commit(server, {"b.yaml": "b: 1\n"}, "On top")
        git("pull", cwd=tmp_path / "copy")
        assert (tmp_path / "copy/large").stat().st_size == 3 << 20, "somebody else's commit would be lost"

    def test_another_path_is_not_found(self, server: GitServer) -> None:
        elsewhere = server.url.replace("speech.git", "other.git")
        assert httpx.get(f"{elsewhere}/info/refs?service=git-upload-pack").status_code == 404, (
            "a repository that does not exist must look like one"
        )


class TestOneThatWasThere:
    def test_it_keeps_its_commits_and_its_url(self, tmp_path: Path) -> None:
        with GitServer(tmp_path / "server") as first:
            head, url = commit(first, {"a.yaml": "a: 1\n"}, "First"), first.url
        port = urlsplit(url).port
        assert port is not None
        with GitServer(tmp_path / "server", port=port) as again:
            assert again.url == url, "gitRepository would have to change with every start"
            assert git("ls-remote", url, BRANCH, cwd=tmp_path).stdout.split()[0] == head

    def test_only_what_is_in_it_is_served(self, server: GitServer) -> None:
        beside = server.repository.parent.parent / "beside.git"
        git("init", "--bare", str(beside), cwd=server.repository)
        for path in ("beside.git", "../beside.git"):
            elsewhere = server.url.replace("speech.git", path)
            answer = httpx.get(f"{elsewhere}/info/refs?service=git-upload-pack")
            assert answer.status_code == 404, "pods would read every repository of this machine"


class TestUnreachable:
    def test_it_refuses_and_comes_back_at_the_same_url(self, server: GitServer, tmp_path: Path) -> None:
        commit(server, {"a.yaml": "a: 1\n"}, "First")
        url = server.url
        with server.unreachable():
            gone = git("ls-remote", url, cwd=tmp_path)
            assert gone.returncode != 0, "the outage would be none"
            head = commit(server, {"a.yaml": "a: 2\n"}, "Meanwhile")
        assert server.url == url, "the Application's repoURL would name nobody"
        assert git("ls-remote", url, BRANCH, cwd=tmp_path).stdout.split()[0] == head

    def test_nothing_is_left_running(self, tmp_path: Path) -> None:
        before = set(psutil.Process().children(recursive=True))
        server = GitServer(tmp_path / "server")
        server.start()
        (process,) = set(psutil.Process().children(recursive=True)) - before
        server.stop()
        assert not process.is_running(), "a port would be taken for good"

    def test_it_ends_with_whoever_started_it(self, tmp_path: Path) -> None:
        script = (
            "import os, pathlib, sys; from local.git_server import GitServer;"
            "server = GitServer(pathlib.Path(sys.argv[1])); server.start();"
            "print(server.url, flush=True); os._exit(1)"
        )
        command = [sys.executable, "-c", script, str(tmp_path / "server")]
        run = subprocess.run(
            command, cwd=paths.CHECKOUT, capture_output=True, text=True, timeout=30, check=False
        )
        where = urlsplit(run.stdout.strip())
        process = next(
            (
                p
                for p in psutil.process_iter(["cmdline"])
                if str(tmp_path) in " ".join(p.info["cmdline"] or ())
            ),
            None,
        )
        if process is not None:
            process.wait(10)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://{where.netloc}/")


class TestToken:
    def test_without_it_nothing_is_told(self, locked: GitServer, tmp_path: Path) -> None:
        refused = git("ls-remote", locked.url, cwd=tmp_path)
        assert refused.returncode != 0, "a missing credential would go unnoticed"
        assert locked.head not in refused.stdout

    def test_a_wrong_one_is_refused(self, locked: GitServer, tmp_path: Path) -> None:
        refused = git("ls-remote", with_password(locked.url, "wrong"), cwd=tmp_path)
        assert "Authentication failed" in refused.stderr, "git's own words for it are what a person reads"

    def test_the_right_one_opens(self, locked: GitServer, tmp_path: Path) -> None:
        listed = git("ls-remote", with_password(locked.url, TOKEN), BRANCH, cwd=tmp_path)
        assert listed.stdout.split()[0] == locked.head
