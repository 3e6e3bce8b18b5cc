"""The files of a pinned upstream: looked up, downloaded on a miss, and verified on every use.

Refuses a tree whose sha256 is not the pinned one, wherever it came from: a cache or a mirror directory can be as wrong
as a download.
"""

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pulumi

from components.upstream.pin import Upstream

if TYPE_CHECKING:
    import httpx

ARCHIVES = "https://codeload.github.com"


class UpstreamError(pulumi.RunError):
    """An upstream that cannot be had, or is not what was pinned. Pulumi prints it without a traceback."""


def tree_sha256(root: Path) -> str:
    """The sha256 over the sorted lines `<sha256 of file>  <relative path>` of all files below `root`.

    A single file counts as a tree of one. Modes and times are left out: archives and mirrors do not agree on them.
    """
    files = [root] if root.is_file() else [entry for entry in root.rglob("*") if entry.is_file()]
    base = root.parent if root.is_file() else root
    lines = sorted(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(base).as_posix()}\n"
        for file in files
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def cache_directory() -> Path:
    """Where downloads are kept: below XDG_CACHE_HOME, or ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "tts-platform" / "upstream"


@dataclass(frozen=True, kw_only=True)
class UpstreamStore:
    """A directory of upstreams, laid out as `<owner>/<name>/<tag>/<path>`."""

    directory: Path | None = None
    """A mirror that stands in for the network; None downloads into the cache."""

    transport: "httpx.BaseTransport | None" = None
    """How downloads travel; None is the network."""

    def locate(self, upstream: Upstream) -> Path:
        """The verified file or directory of `upstream`."""
        root = self.directory or cache_directory()
        found = root / upstream.repository / upstream.tag / upstream.path
        if not found.exists():
            if self.directory is not None:
                raise UpstreamError(
                    f"{found} does not exist, and upstreamDir is never filled from the network.\n"
                    f"Put {upstream.path} of {upstream.repository} at {upstream.tag} there."
                )
            self._download(upstream, found)
        actual = tree_sha256(found)
        if actual != upstream.sha256:
            raise UpstreamError(
                f"{found} is not {upstream.repository} {upstream.tag} as pinned: its sha256 is {actual}, "
                f"not {upstream.sha256}.\n"
                "Delete it, and it is fetched again; or read what differs, and pin the new sum."
            )
        return found

    def _download(self, upstream: Upstream, target: Path) -> None:
        archive = self._fetch(f"{ARCHIVES}/{upstream.repository}/tar.gz/refs/tags/{upstream.tag}")
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".download-", dir=target.parent))
        try:
            staged = staging / "tree"
            _extract(archive, upstream, staged)
            actual = tree_sha256(staged) if staged.is_dir() else tree_sha256(_named(staged, target.name))
            if actual != upstream.sha256:
                raise UpstreamError(
                    f"The archive of {upstream.repository} {upstream.tag} is not what was pinned: the sha256 of "
                    f"{upstream.path} is {actual}, not {upstream.sha256}.\nThe tag was moved, or the download altered."
                )
            _publish(staged if staged.is_dir() else staging / target.name, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _fetch(self, url: str) -> bytes:
        # Not above: a tenth of the program's import time, and what is in the cache needs no download.
        import httpx

        transport = self.transport or httpx.HTTPTransport(retries=3)
        try:
            with httpx.Client(transport=transport, timeout=60, follow_redirects=True) as client:
                response = client.get(url)
                response.raise_for_status()
                return response.content
        except httpx.HTTPError as error:
            raise UpstreamError(
                f"{url} could not be fetched: {error}.\n"
                "Where GitHub cannot be reached, set tts-platform:upstreamDir to a directory that holds the files."
            ) from error


def _extract(archive: bytes, upstream: Upstream, target: Path) -> None:
    wanted = PurePosixPath(upstream.path)
    for relative, content in _files(archive):
        if relative == wanted:
            target.write_bytes(content)
        elif wanted in relative.parents:
            file = target / relative.relative_to(wanted)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    if not target.exists():
        raise UpstreamError(f"{upstream.repository} has no {upstream.path} at {upstream.tag}.")


def _files(archive: bytes) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The regular files of the archive, below the one directory that GitHub wraps them in."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            relative = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if not member.isfile() or ".." in relative.parts:
                continue
            content = tar.extractfile(member)
            if content is not None:
                yield relative, content.read()


def _named(file: Path, name: str) -> Path:
    """`file` under the name that it goes by upstream, which is part of its sum."""
    return file.rename(file.with_name(name))


def _publish(staged: Path, target: Path) -> None:
    """Rename is atomic: nobody ever sees half a tree. Another run may have been first, with the same bytes."""
    try:
        staged.rename(target)
    except OSError:
        if not target.exists():
            raise
