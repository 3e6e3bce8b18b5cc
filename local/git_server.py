"""A git repository that is pushed to on this machine, and that Argo CD reads over HTTP.

It is served by a process of its own, in the control plane's network namespace where pods are to reach it: the host has
no route to pods. Ending that process is what an unreachable git looks like; the repository stays, and so does its URL.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from local import paths
from local.cluster import processes
from local.cluster.layout import Cluster
from local.errors import LocalError
from local.git_http import TOKEN

REPOSITORY = "speech.git"
BRANCH = "main"


class GitServer:
    """A bare repository with one branch, and the process that serves it. Use it as a context manager."""

    def __init__(
        self,
        directory: Path,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        enter: tuple[str, ...] = (),
        token: str | None = None,
    ) -> None:
        """`directory` takes the repository, or has it; `enter` is the command that runs another one where `address` is.

        Port 0 is any that is free.
        """
        self.repository = directory / "served" / REPOSITORY
        """The bare repository; a path that git pushes to also while nothing is served."""
        self._address = address
        self._enter = enter
        self._token = token
        self._port = port
        self._process: subprocess.Popen[str] | None = None
        self._log = directory / "log"
        if not self.repository.exists():
            self._make_repository()

    @classmethod
    def within(cls, cluster: Cluster, directory: Path, *, port: int = 0, token: str | None = None) -> Self:
        """One that the pods of a running embedded cluster reach."""
        init = processes.init(cluster)
        if init is None:
            raise LocalError(f"Cluster {cluster.name} does not run: python -m local up --name {cluster.name}")
        # The namespaces are mounted only for the cluster's own processes; /proc shows their file system to others.
        (supervisor,) = init.children()
        namespace = f"/proc/{supervisor.pid}/root{processes.namespaces(cluster)}/control.net"
        enter = ("nsenter", f"--net={namespace}")
        return cls(directory, address=str(cluster.control_address), port=port, enter=enter, token=token)

    @property
    def url(self) -> str:
        """What the Application's repoURL is; the same after a stop and a start."""
        return f"http://{self._address}:{self._port}/{REPOSITORY}"

    def start(self) -> None:
        """Serves, at the first port that was free or the one that it had before."""
        if self._process is not None:
            return
        environment = {**os.environ, TOKEN: self._token} if self._token is not None else dict(os.environ)
        program = [sys.executable, "-m", "local.git_http"]
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
            raise LocalError(f"The git server did not start: {self._log.read_text()[-1000:]}")
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

    @property
    def head(self) -> str:
        """Id of the branch's newest commit, whoever pushed it."""
        return self._git("rev-parse", BRANCH)

    def wait(self) -> None:
        """Until its process ends, which it does not by itself."""
        if self._process is not None:
            self._process.wait()

    def _make_repository(self) -> None:
        self.repository.mkdir(parents=True)
        self._git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}")
        # As the large hosts do: pushes over HTTP for who may, and any commit can be asked for by its id.
        self._git("config", "http.receivepack", "true")
        self._git("config", "uploadpack.allowReachableSHA1InWant", "true")

    def _git(self, *arguments: str) -> str:
        """Runs git in the repository, with nothing of this machine's own settings."""
        environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        command = ["git", "--git-dir", str(self.repository), *arguments]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise LocalError(f"git {' '.join(arguments)}: {run.stderr.strip()}")
        return run.stdout.strip()
