"""New settings for a stack that Argo CD delivers, an image most often, as one commit: settings and manifests together.

Refuses an image that can change under a running service, the one that is there already, and a checkout whose manifests
are not what its code renders: the commit would bring more to production than its message says.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import interrupts, manifests, stack_file
from ops.errors import OpsError
from ops.repository import Branch, Repository

Renderer = Callable[[Path, str, bool], None]
"""Renders a stack of a checkout; with True it only checks, and raises OpsError where something would change."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A commit that changes what a stack runs."""

    stack: str
    branch: str
    commit: str
    before: str
    """The image that was there."""

    after: str


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What a commit gives a stack."""

    settings: Mapping[str, Any]
    """New values by key; None takes one out."""

    branch: str
    """A new one, where the person names none."""

    message: Callable[[str, str], str]
    """The commit's, by the image that was there and the one that is."""

    nothing: str
    """What is said where it has all of them already."""


def release(root: Path, stack: str, image: str, branch: str | None, render: Renderer) -> Recorded:
    """Sets the stack's image in one commit on a branch. Raises SettingsError for an image that the settings refuse."""
    wanted = Settled(
        settings={"image": image},
        branch=f"release/{stack}-{version(image)}",
        message=lambda before, after: _message(stack, before, after),
        nothing=f"Stack {stack} has the image {image} already: there is nothing to release.",
    )
    return settle(root, stack, wanted, branch, render)


def settle(root: Path, stack: str, wanted: Settled, branch: str | None, render: Renderer) -> Recorded:
    """Gives the stack other settings in one commit on a branch. Raises SettingsError where they are refused."""
    repository, named = _base(root, branch)
    with repository.tree(named.base if named else "HEAD") as tree:
        _require_stack(repository, tree, stack, named)
        file = stack_file.path(tree, stack)
        text = file.read_bytes().decode()
        before = stack_file.image(text, file.name)
        manifests.refuse_direct(stack_file.read(tree, stack, **wanted.settings))
        there = stack_file.keys(text)
        if all(there.get(key) == value for key, value in wanted.settings.items()):
            raise OpsError(wanted.nothing)
        target = named or repository.new_branch(wanted.branch)
        _refuse_stale(repository, tree, stack, render)
        changed = stack_file.with_settings(text, file.name, wanted.settings)
        file.write_bytes(changed.encode())
        render(tree, stack, False)
        after = stack_file.image(changed, file.name)
        commit = repository.record(tree, target, wanted.message(before, after), stack_paths(stack))
    return Recorded(stack=stack, branch=target.name, commit=commit, before=before, after=after)


def committed(root: Path, stack: str, branch: str | None) -> dict[str, Any]:
    """The keys of a stack as `settle` finds them, whatever the working tree has."""
    repository, named = _base(root, branch)
    commit = named.base if named else str(repository.commit("HEAD"))
    text = repository.text(commit, stack_paths(stack)[1])
    if text is None:
        raise _no_stack(repository, stack, named)
    return stack_file.keys(text)


def _base(root: Path, branch: str | None) -> tuple[Repository, Branch | None]:
    """What a commit goes on: a branch that a person names, or None for the current commit."""
    repository = Repository(root)
    repository.require()
    return repository, repository.branch(branch) if branch is not None else None


def _require_stack(repository: Repository, tree: Path, stack: str, named: Branch | None) -> None:
    file = stack_paths(stack)[1]
    if (repository.checkout / file).exists() and not (tree / file).exists():
        raise _no_stack(repository, stack, named)


def _no_stack(repository: Repository, stack: str, named: Branch | None) -> OpsError:
    commit = named.base if named else str(repository.commit("HEAD"))
    where = f" to {named.name}" if named else ""
    return OpsError(f"There is no stack {stack} at {commit[:12]}: commit {stack_paths(stack)[1]}{where}.")


def _refuse_stale(repository: Repository, tree: Path, stack: str, render: Renderer) -> None:
    try:
        render(tree, stack, True)
    except OpsError as error:
        settings = stack_paths(stack)[1]
        # Rendered anew here, the manifests are what these settings make, and no commit has them.
        if manifests.STALE in str(error) and repository.git("status", "--porcelain", "--", settings).strip():
            raise OpsError(
                f"{error}\n{settings} has changes that are not committed: commit {settings} too."
            ) from None
        raise


def stack_paths(stack: str) -> tuple[str, str]:
    """What belongs to one stack in the repository, its manifests first."""
    return f"manifests/{stack}", f"Pulumi.{stack}.yaml"


def version(image: str) -> str:
    """What tells an image from the others of its name: its digest's beginning, or its tag."""
    name, _, digest = image.partition("@")
    if digest:
        return digest.replace(":", "-")[:19]
    return name.rpartition("/")[2].partition(":")[2]


def short(image: str) -> str:
    """An image without its registry and path."""
    return f"{image.partition('@')[0].rpartition('/')[2].partition(':')[0]} {version(image)}"


def render_as_committed(tree: Path, stack: str, check: bool) -> None:
    """Renders with the code of a tree: the person's own may have changes that are not in the commit."""
    command = [sys.executable, "-m", "ops", "render", stack, *(["--check"] if check else [])]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    with interrupts.left_to_the_child():
        run = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        said = run.stderr.rpartition("error: ")[2].strip()
        raise OpsError(said or f"{' '.join(command)} failed.")


def _message(stack: str, before: str, after: str) -> str:
    return f"{stack}: {short(after)}, was {short(before)}\n\nFrom {before}\nTo   {after}\n"
