"""Which stacks a change touches, by the files that it changes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ops.errors import OpsError
from ops.own_state import LOCAL
from ops.repository import Repository

_PROGRAM: Final = (
    "__main__.py",
    "Pulumi.yaml",
    "requirements.txt",
    "components/",
    "stacks/",
    "policy/",
)
"""What every stack is made of."""

_OF_ONE: Final = (
    re.compile(r"Pulumi\.(?P<stack>[^/]+)\.yaml"),
    re.compile(r"manifests/(?P<stack>[^/]+)/.+"),
    re.compile(r"stacks/profiles/(?P<stack>(?!__)[^/]+)\.py"),
)


def touched(checkout: Path, base: str) -> list[str]:
    """The shared stacks that differ between `base`, where it was left, and the checkout's commit."""
    repository = Repository(checkout)
    if repository.commit(base) is None:
        raise OpsError(f"There is no commit {base}: git fetch origin, or write another --base.")
    changed = repository.git("diff", "--name-status", "--no-renames", "-z", f"{base}...HEAD").split("\0")
    # A letter, its file, and so on.
    files = dict(zip(changed[1::2], changed[::2], strict=False))
    for file, what in files.items():
        if what == "D" and (settings := _OF_ONE[0].fullmatch(file)):
            stack = settings["stack"]
            raise OpsError(
                f"{file} goes, and nobody would see what becomes of {stack}: make destroy STACK={stack} first, "
                "or leave it."
            )
    return sorted(of_files(files, _stacks(checkout)))


def of_files(files: Iterable[str], stacks: Iterable[str]) -> set[str]:
    """Those of the stacks that a change to the files touches."""
    there = set(stacks)
    found: set[str] = set()
    for file in files:
        one = next((match["stack"] for form in _OF_ONE if (match := form.fullmatch(file))), None)
        # Another profile may be made of this one.
        shared = one is None or (file.startswith("stacks/") and one not in there)
        found |= there & {one} if not shared else there if file.startswith(_PROGRAM) else set()
    return found


def _stacks(checkout: Path) -> set[str]:
    """Each person's own machine has local: there is none to preview or to update elsewhere."""
    return {file.name.split(".")[1] for file in checkout.glob("Pulumi.*.yaml")} - {LOCAL}
