"""A stack that Argo CD delivers, back to what it was, as one commit.

Renders nothing, and so needs neither Pulumi nor time: what ran before is in git as it was. Refuses what would take the
volumes that are there, or shrink them: Argo CD could never apply it, and would stay half way. Refuses to undo half of a
change, whose manifests are one commit and whose settings are another.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import stack_file
from ops.errors import OpsError
from ops.manifests import Manifests
from ops.release import Recorded, short, stack_paths
from ops.repository import Branch, Repository
from stacks.problems import SettingsError
from stacks.settings import ExistingClaim

_CODE = ("components", "stacks", "ops/manifests.py", "ops/render.py", "Pulumi.yaml", "requirements.txt")
"""What manifests are rendered by."""

_PROJECT = "Pulumi.yaml"

_TRAILER = "Rolled-Back-To"


@dataclass(frozen=True, kw_only=True)
class RolledBack(Recorded):
    """A rollback's commit."""

    to: str
    """The commit whose state it is."""

    settings: tuple[str, ...]
    """Keys that go back with the image, which the next `pulumi up` follows."""

    code_stays: bool
    """Whether what is undone had changed the code too: that stays, and may render something else."""


@dataclass(frozen=True)
class _Step:
    """What is undone: from the commit `before` up to `commit`."""

    commit: str
    before: str


def rollback(root: Path, stack: str, to: str | None, branch: str | None) -> RolledBack:
    """Undoes the last change of the stack in one commit on a branch; with `to`, everything since that commit."""
    repository = Repository(root)
    repository.require()
    target = repository.branch(branch) if branch is not None else None
    base = target.base if target else str(repository.commit("HEAD"))
    manifests, settings = stack_paths(stack)
    if not repository.has(base, settings):
        raise OpsError(f"There is no stack {stack} at {base[:12]}: it has no {settings}.")
    if not repository.has(base, manifests):
        raise OpsError(
            f"Stack {stack} has no {manifests} in git: Pulumi applies its service itself. Write the image that it had "
            f"into {settings}, then pulumi up --stack {stack}."
        )
    target = target or repository.new_branch(f"rollback/{stack}-{base[:12]}")
    with repository.tree(base) as tree:
        claims = Manifests(root=tree, stack=stack).claims()
        if to is None:
            step = _last_step(repository, stack, base)
            _refuse_half(repository, stack, step, base)
            _undo(repository, tree, stack, step)
        else:
            step = _Step(base, _known(repository, stack, to))
            _restore(repository, tree, stack, step.before)
        if not repository.git("status", "--porcelain", directory=tree).strip():
            raise OpsError(
                f"Stack {stack} is as it was at {step.before[:12]}: there is nothing to roll back."
            )
        _refuse_lost_volumes(tree, stack, claims)
        return _recorded(repository, tree, target, stack, step)


def _recorded(repository: Repository, tree: Path, target: Branch, stack: str, step: _Step) -> RolledBack:
    file = stack_file.path(tree, stack)
    before = _image(repository, stack, target.base) or "an image that nobody named"
    after = stack_file.image(file.read_bytes().decode(), file.name)
    message = _message(repository, stack, step.before, before, after)
    return RolledBack(
        stack=stack,
        branch=target.name,
        commit=repository.record(tree, target, message, stack_paths(stack)),
        before=before,
        after=after,
        to=step.before,
        settings=_settings(repository, stack, target.base, file),
        code_stays=bool(
            repository.git("diff", "--name-only", step.before, step.commit, "--", *_CODE).strip()
        ),
    )


def _settings(repository: Repository, stack: str, base: str, file: Path) -> tuple[str, ...]:
    """The keys beside the image that are no longer as they were at the commit `base`."""
    before = stack_file.keys(repository.text(base, stack_paths(stack)[1]) or "")
    after = stack_file.keys(file.read_text(encoding="utf-8"))
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return tuple(sorted(changed - {"image"}))


def _last_step(repository: Repository, stack: str, base: str) -> _Step:
    """The last commit of the branch itself, merges among them, that changed the manifests or the image."""
    manifests, settings = stack_paths(stack)
    history = repository.git("rev-list", "--first-parent", base, "--", manifests, settings).split()
    for commit in history:
        before = repository.commit(f"{commit}^")
        if before is None or not repository.has(before, manifests):
            break
        changed = repository.git("diff", "--name-only", before, commit, "--", manifests).strip()
        if not changed and _image(repository, stack, before) == _image(repository, stack, commit):
            continue
        if _TRAILER in repository.git("log", "--format=%(trailers:only)", f"{before}..{commit}"):
            raise OpsError(
                f"The last change of {stack} is a rollback itself ({commit[:12]}), and undoing it would bring back "
                "what it was for: name a commit with --to."
            )
        return _Step(commit, before)
    if repository.git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise OpsError("This clone has no history to go back in: git fetch --unshallow.")
    raise OpsError(f"Nothing came before the first manifests of {stack}: there is nothing to roll back to.")


def _refuse_half(repository: Repository, stack: str, step: _Step, base: str) -> None:
    manifests, settings = stack_paths(stack)
    manifests_change = bool(repository.git("diff", "--name-only", step.before, step.commit, "--", manifests))
    undone = _rendered(repository, stack, step.before)
    settings_change = undone != _rendered(repository, stack, step.commit)
    if manifests_change and settings_change:
        return
    if manifests_change:
        # What the manifests were rendered from that come back, and what the settings are when they do.
        origin = repository.git("rev-list", "-1", "--first-parent", step.before, "--", manifests).strip()
        now = _rendered(repository, stack, base)
        if undone == now == _rendered(repository, stack, origin):
            return
    changed = manifests if manifests_change else settings
    raise OpsError(
        f"The last change of {stack} ({step.commit[:12]}) is of {changed} alone: without it, manifests and "
        "settings would contradict each other. Name a commit with --to, and both go back to it "
        f"(git log --oneline -- {manifests} {settings})."
    )


def _rendered(repository: Repository, stack: str, commit: str) -> Any:
    """All that manifests are rendered from at a commit; the bare keys where today's code refuses them."""
    # Not above: they bring Pulumi's SDK, which is slow to import.
    from components.issuer import issuer_name
    from stacks import arguments

    settings = stack_paths(stack)[1]
    text = repository.text(commit, settings) or ""
    with tempfile.TemporaryDirectory(prefix="tts-platform-settings-") as scratch:
        root = Path(scratch)
        (root / settings).write_text(text, encoding="utf-8")
        (root / _PROJECT).write_text(repository.text(commit, _PROJECT) or "", encoding="utf-8")
        try:
            read = stack_file.read(root, stack)
        except (OpsError, SettingsError, KeyError):
            return stack_file.keys(text)
    issuer = issuer_name(arguments.issuer(read))
    service = arguments.tts_service(read, issuer, arguments.provisioning(read))
    return service, read.settings.deletion_protection


def _known(repository: Repository, stack: str, to: str) -> str:
    goal = repository.commit(to)
    if goal is None:
        raise OpsError(f"There is no commit {to} here: git fetch --unshallow, or name another with --to.")
    for path in stack_paths(stack):
        if not repository.has(goal, path):
            raise OpsError(f"Stack {stack} had no {path} at {goal[:12]}: name a later commit with --to.")
    return goal


def _undo(repository: Repository, tree: Path, stack: str, step: _Step) -> None:
    """Takes one commit's change of the stack back, and leaves what later ones have set."""
    paths = ("--", *stack_paths(stack))
    patch = repository.git("diff", "--binary", "--full-index", step.before, step.commit, *paths)
    try:
        repository.git("apply", "--reverse", "--3way", "-", directory=tree, stdin=patch)
    except OpsError:
        raise OpsError(
            f"Settings of {stack} have changed since {step.commit[:12]} where it changed them: "
            f"take them back too, with --to {step.before[:12]}."
        ) from None


def _restore(repository: Repository, tree: Path, stack: str, goal: str) -> None:
    paths = ("--", *stack_paths(stack))
    # First away, so that what is not in the commit does not stay.
    repository.git("rm", "-r", "--quiet", "--ignore-unmatch", *paths, directory=tree)
    repository.git("checkout", "--quiet", goal, *paths, directory=tree)


def _refuse_lost_volumes(tree: Path, stack: str, claims: dict[str, ExistingClaim]) -> None:
    try:
        stack_file.read(tree, stack)
    except SettingsError:
        # Settings from before a key had its present form. They ran, and what today's code has to say of them can wait.
        return
    try:
        stack_file.read(tree, stack, claims)
    except SettingsError as error:
        raise OpsError(
            f"Going back would take volumes away, or shrink them. {error}\n"
            f"The image alone goes back with: make release STACK={stack} IMAGE=<the one before>"
        ) from None


def _image(repository: Repository, stack: str, commit: str) -> str | None:
    file = stack_paths(stack)[1]
    try:
        return stack_file.image(repository.text(commit, file) or "", file)
    except OpsError:
        # A commit from before the stack, or one that nothing could be made of.
        return None


def _message(repository: Repository, stack: str, goal: str, before: str, after: str) -> str:
    subject = repository.git("log", "-1", "--format=%s", goal).strip()
    images = f"From {before}\nTo   {after}\n" if before != after else f"The image stays {after}.\n"
    return (
        f"{stack}: back to {short(after)}\n\nAs at {goal[:12]} ({subject}).\n{images}\n{_TRAILER}: {goal}\n"
    )
