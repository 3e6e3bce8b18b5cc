"""A git repository that a test writes, and that Argo CD reads over HTTP.

It is served by a process of its own, in the control plane's network namespace where pods are to reach it: the host has
no route to pods. Ending that process is what an unreachable git looks like; the repository stays, and so does its URL.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from local import paths
from local.cluster import processes
from local.cluster.layout import Cluster
from tests.gitops.git_http import TOKEN

REPOSITORY = "speech.git"
BRANCH = "main"


class GitServer:
    """A bare repository with one branch, and the process that serves it. Use it as a context manager."""

    def __init__(
        self,
        directory: Path,
        *,
        address: str = "127.0.0.1",
        enter: tuple[str, ...] = (),
        token: str | None = None,
    ) -> None:
        """`directory` takes the repository; `enter` is the command that runs another one where `address` is."""
        self.repository = directory / "served" / REPOSITORY
        """The bare repository; a path that git pushes to also while nothing is served."""
        self._address = address
        self._enter = enter
        self._token = token
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self._log = directory / "log"
        self._work = directory / "work"
        self._make_repository()

    @classmethod
    def within(cls, cluster: Cluster, directory: Path, *, token: str | None = None) -> Self:
        """One that the pods of a running embedded cluster reach."""
        init = processes.init(cluster)
        if init is None:
            raise RuntimeError(
                f"Cluster {cluster.name} does not run: python -m local up --name {cluster.name}"
            )
        # The namespaces are mounted only for the cluster's own processes; /proc shows their file system to others.
        (supervisor,) = init.children()
        namespace = f"/proc/{supervisor.pid}/root{processes.namespaces(cluster)}/control.net"
        enter = ("nsenter", f"--net={namespace}")
        return cls(directory, address=str(cluster.control_address), enter=enter, token=token)

    @property
    def url(self) -> str:
        """What the Application's repoURL is; the same after a stop and a start."""
        return f"http://{self._address}:{self._port}/{REPOSITORY}"

    def start(self) -> None:
        """Serves, at the first port that was free or the one that it had before."""
        if self._process is not None:
            return
        environment = {**os.environ, TOKEN: self._token} if self._token is not None else dict(os.environ)
        program = [sys.executable, "-m", "tests.gitops.git_http"]
        arguments = [str(self.repository.parent), self._address, str(self._port)]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*self._enter, *program, *arguments],
                cwd=paths.CHECKOUT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        port = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not port:
            self.stop()
            raise RuntimeError(f"The git server did not start:\n{self._log.read_text()}")
        self._port = int(port)

    def stop(self) -> None:
        """Refuses every connection from here on."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Not served within the block, and at the same URL again after it."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def __enter__(self) -> Self:
        """Starts it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops it."""
        self.stop()

    def commit(self, files: Mapping[str, str | None], message: str) -> str:
        """Commits files by their paths, None removes one, on top of what was pushed last. The new commit's id."""
        self._git("fetch", "--quiet", "origin")
        if self._git("ls-remote", "--heads", "origin", BRANCH):
            self._git("reset", "--quiet", "--hard", f"origin/{BRANCH}")
        for path, content in files.items():
            file = self._work / path
            if content is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)
        self._git("push", "--quiet", "origin", BRANCH)
        return self.head

    @property
    def head(self) -> str:
        """Id of the branch's newest commit, whoever pushed it."""
        return self._git("--git-dir", str(self.repository), "rev-parse", BRANCH)

    def _make_repository(self) -> None:
        self._work.mkdir(parents=True)
        self._git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(self.repository))
        # As the large hosts do: pushes over HTTP for who may, and any commit can be asked for by its id.
        self._git("--git-dir", str(self.repository), "config", "http.receivepack", "true")
        self._git("--git-dir", str(self.repository), "config", "uploadpack.allowReachableSHA1InWant", "true")
        self._git("init", "--quiet", f"--initial-branch={BRANCH}")
        self._git("remote", "add", "origin", str(self.repository))

    def _git(self, *arguments: str) -> str:
        """Runs git with nothing of this machine's own settings."""
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _IDENTITY}
        environment = {**os.environ, **who, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        run = subprocess.run(
            ["git", *arguments], cwd=self._work, env=environment, capture_output=True, text=True, check=False
        )
        if run.returncode != 0:
            raise RuntimeError(f"git {' '.join(arguments)}: {run.stderr.strip()}")
        return run.stdout.strip()


_IDENTITY = (("NAME", "A test"), ("EMAIL", "test@localhost"))
