"""Pinned upstreams: found, fetched, verified."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from components.upstream.pin import Upstream
from components.upstream.source import UpstreamError, UpstreamStore, cache_directory, tree_sha256

FILES = {"deploy/a.yaml": b"a: 1\n", "deploy/crds/b.yaml": b"b: 2\n", "README.md": b"read me\n"}


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"name-1.0.0/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


class Server:
    """What GitHub would answer, and what it was asked."""

    def __init__(self, files: dict[str, bytes] | None) -> None:
        self.files = files
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return httpx.Response(404) if self.files is None else httpx.Response(200, content=archive(self.files))

    def store(self) -> UpstreamStore:
        return UpstreamStore(transport=httpx.MockTransport(self))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_directory()


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    tree = tmp_path / "expected"
    for name, content in FILES.items():
        if name.startswith("deploy/"):
            file = tree / name.removeprefix("deploy/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return Upstream(repository="owner/name", tag="v1.0.0", path="deploy", sha256=tree_sha256(tree))


def test_a_miss_is_downloaded_once(upstream: Upstream, cache: Path) -> None:
    server = Server(FILES)
    found = server.store().locate(upstream)
    assert found == cache / "owner/name/v1.0.0/deploy"
    assert (found / "crds/b.yaml").read_bytes() == b"b: 2\n"
    server.store().locate(upstream)
    assert server.asked == ["https://codeload.github.com/owner/name/tar.gz/refs/tags/v1.0.0"]


def test_only_what_is_used_is_kept(upstream: Upstream, cache: Path) -> None:
    Server(FILES).store().locate(upstream)
    assert [entry.name for entry in (cache / "owner/name/v1.0.0").iterdir()] == ["deploy"]


def test_a_single_file_is_a_tree_of_one(upstream: Upstream, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(FILES["deploy/a.yaml"])
    pinned = replace(upstream, path="deploy/a.yaml", sha256=tree_sha256(file))
    assert Server(FILES).store().locate(pinned).read_bytes() == b"a: 1\n"


def test_a_moved_tag_is_refused_and_leaves_nothing(upstream: Upstream, cache: Path) -> None:
    with pytest.raises(UpstreamError, match="not what was pinned"):
        Server(FILES | {"deploy/a.yaml": b"a: 666\n"}).store().locate(upstream)
    assert list((cache / "owner/name/v1.0.0").iterdir()) == [], "the next run would trust it"


@pytest.mark.parametrize("tampered", ["a.yaml", "crds/b.yaml", "crds/new.yaml"])
def test_a_changed_cache_is_refused_on_every_use(upstream: Upstream, tampered: str) -> None:
    found = Server(FILES).store().locate(upstream)
    (found / tampered).write_bytes(b"c: 3\n")
    with pytest.raises(UpstreamError, match=r"not owner/name v1\.0\.0 as pinned"):
        Server(FILES).store().locate(upstream)


def test_a_mirror_directory_is_verified_too(upstream: Upstream, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    file = mirror / "owner/name/v1.0.0/deploy/a.yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a: 1\n")
    with pytest.raises(UpstreamError, match="as pinned"):
        UpstreamStore(directory=mirror).locate(upstream)


def test_a_mirror_directory_is_never_filled_from_the_network(upstream: Upstream, tmp_path: Path) -> None:
    server = Server(FILES)
    with pytest.raises(UpstreamError, match="never filled from the network"):
        UpstreamStore(directory=tmp_path / "mirror", transport=httpx.MockTransport(server)).locate(upstream)
    assert server.asked == []


def test_no_network_names_the_way_out(upstream: Upstream) -> None:
    with pytest.raises(UpstreamError, match="upstreamDir"):
        Server(None).store().locate(upstream)


def test_a_path_out_of_the_archive_is_not_followed(upstream: Upstream, cache: Path) -> None:
    Server(FILES | {"deploy/../../../escaped": b"!"}).store().locate(upstream)
    assert not list(cache.parent.rglob("escaped"))


def test_sums_do_not_depend_on_modes(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\n", encoding="utf-8")
    before = tree_sha256(file)
    file.chmod(0o400)
    assert tree_sha256(file) == before
