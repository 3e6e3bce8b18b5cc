"""Commits that leave the person's branch, index and working tree as they are."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError

_IDENTITY = ("-c", "user.name=tts-platform", "-c", "user.email=tts-platform@localhost")
"""For a machine whose git knows nobody, as in CI. It is written nowhere but into the commit."""

_NOTHING = "0" * 40
"""The commit of a branch that is not there yet, to git."""


@dataclass(frozen=True)
class Branch:
    """Where a commit goes, and what it stands on."""

    name: str
    base: str
    """The commit before it."""

    exists: bool


@dataclass(frozen=True)
class Repository:
    """The git repository of a checkout."""

    checkout: Path

    def git(self, *arguments: str, directory: Path | None = None, stdin: str | None = None) -> str:
        """What one git command prints. Raises OpsError with git's own last line where it fails."""
        run = self._run(*arguments, directory=directory, stdin=stdin)
        if run.returncode != 0:
            said = run.stderr.strip().splitlines() or [f"exit code {run.returncode}"]
            raise OpsError(f"git {arguments[0]} failed: {said[-1].removeprefix('fatal: ')}")
        return run.stdout

    def ask(self, *arguments: str) -> str | None:
        """What one git command prints, or None where it fails."""
        run = self._run(*arguments)
        return run.stdout.strip() if run.returncode == 0 else None

    def _run(
        self, *arguments: str, directory: Path | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        # Within a hook these name the index and the tree that the hook is about.
        unset = {"GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX"}
        environment = {key: value for key, value in os.environ.items() if key not in unset}
        # A hook is about what a person does in their working tree.
        command = ["git", "-C", str(directory or self.checkout), "-c", "core.hooksPath=/dev/null"]
        try:
            return subprocess.run(
                [*command, *arguments],
                env={**environment, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise OpsError("git is not on PATH: install it.") from None

    def require(self) -> None:
        """Raises OpsError where the checkout is no git repository, or has no commit yet."""
        if self.commit("HEAD") is None:
            raise OpsError(f"{self.checkout} has no commit of git: clone the repository, and work there.")

    def commit(self, revision: str) -> str | None:
        """The full id of a commit; None where there is none."""
        return self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")

    def text(self, commit: str, path: str) -> str | None:
        """The text of a file as it was at a commit; None where it was not there."""
        return self.ask("show", f"{commit}:{path}")

    def has(self, commit: str, path: str) -> bool:
        """Whether a commit has a file or a directory."""
        return self.ask("rev-parse", "--verify", "--quiet", f"{commit}:{path}") is not None

    def new_branch(self, name: str) -> Branch:
        """A branch that is not there yet, nor at origin, on the current commit."""
        branch = self.branch(name)
        if branch.exists or self.commit(f"refs/remotes/origin/{name}") is not None:
            raise OpsError(f"There is a branch {name} already: delete it, or write another with --branch.")
        return branch

    def branch(self, name: str) -> Branch:
        """A branch by its name: on its own last commit where it is there, else on the current one."""
        if name.startswith("-") or self.ask("check-ref-format", f"refs/heads/{name}") is None:
            raise OpsError(f"{name} is no name for a branch: write one with --branch.")
        tip = self.commit(f"refs/heads/{name}")
        remote = self.commit(f"refs/remotes/origin/{name}")
        if tip is not None:
            if remote is not None and self.ask("merge-base", "--is-ancestor", remote, tip) is None:
                raise OpsError(
                    f"Branch {name} lacks commits of origin/{name}, and its own would be undone: "
                    f"git pull --ff-only origin {name}."
                )
            return Branch(name, tip, exists=True)
        # As git switch does: a clone has a branch of its own for the one that it is on alone.
        return Branch(name, remote or str(self.commit("HEAD")), exists=False)

    @contextmanager
    def tree(self, commit: str) -> Iterator[Path]:
        """A working tree of its own for a commit, gone with the block."""
        with tempfile.TemporaryDirectory(prefix="tts-platform-commit-") as scratch:
            directory = Path(scratch) / "tree"
            self.git("worktree", "add", "--quiet", "--detach", str(directory), commit)
            try:
                yield directory
            finally:
                self.git("worktree", "remove", "--force", str(directory))

    def record(self, tree: Path, branch: Branch, message: str, paths: tuple[str, ...]) -> str:
        """Makes what has changed at `paths` of a tree one commit on the branch, and returns the commit's id."""
        self.git("add", "--all", "--force", "--", *paths, directory=tree)
        self.git(*self._identity(), "commit", "--quiet", "--file", "-", directory=tree, stdin=message)
        commit = self.git("rev-parse", "HEAD", directory=tree).strip()
        self._advance(branch, commit)
        return commit

    def _identity(self) -> tuple[str, ...]:
        # Without useConfigOnly git makes a name and an address up, of the account and the host.
        asked = ("-c", "user.useConfigOnly=true", "var")
        known = all(self.ask(*asked, f"GIT_{role}_IDENT") for role in ("AUTHOR", "COMMITTER"))
        return () if known else _IDENTITY

    def _advance(self, branch: Branch, commit: str) -> None:
        home = self._checked_out(branch.name)
        if home is None:
            expected = branch.base if branch.exists else _NOTHING
            self.git("update-ref", f"refs/heads/{branch.name}", commit, expected)
            return
        # The files of a branch that somebody is on go with it, or their next commit would take all of this back.
        try:
            self.git("merge", "--ff-only", "--quiet", commit, directory=home)
        except OpsError:
            raise OpsError(
                f"Branch {branch.name} is checked out in {home}, with changes to the same files: stash them, "
                f"then git merge --ff-only {commit[:12]}, which is ready; or commit them, and run this again."
            ) from None

    def _checked_out(self, branch: str) -> Path | None:
        directory = ""
        for line in self.git("worktree", "list", "--porcelain").splitlines():
            key, _, value = line.partition(" ")
            if key == "worktree":
                directory = value
            elif (key, value) == ("branch", f"refs/heads/{branch}"):
                return Path(directory)
        return None
