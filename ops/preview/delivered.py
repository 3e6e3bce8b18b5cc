"""What Argo CD would change: a stack's committed manifests against those of the branch that a pull request goes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ops import manifests
from ops.errors import OpsError
from ops.manifests import Object
from ops.preview.difference import differences
from ops.preview.plan import Change, Op, in_order
from ops.repository import Repository

_KEPT: Final = "Prune=false"
_OPTIONS: Final = "argocd.argoproj.io/sync-options"

_Key = tuple[str, str, str]
"""An object's group, kind and name."""


def delivered(checkout: Path, stack: str, base: str) -> list[Change]:
    """The objects that differ between the commit that the checkout and `base` have in common, and the files now."""
    repository = Repository(checkout)
    place = f"manifests/{stack}"
    common = repository.ask("merge-base", base, "HEAD")
    if common is None:
        raise OpsError(
            f"{base} has no commit in common with this checkout: git fetch origin, or write another --base."
        )
    listed = repository.git("ls-tree", "--name-only", "-z", common, f"{place}/").split("\0")
    before = {path: repository.git("show", f"{common}:{path}") for path in listed if path.endswith(".yaml")}
    after = {
        str(file.relative_to(checkout)): file.read_text(encoding="utf-8")
        for file in sorted((checkout / place).glob("*.yaml"))
    }
    changes = _changes(_objects(before.values()), _objects(after.values()))
    return sorted(changes, key=in_order)


def _objects(texts: Iterable[str]) -> dict[_Key, Object]:
    found: dict[_Key, Object] = {}
    for text in texts:
        item = manifests.parsed(text)
        if isinstance(item, dict):
            # Without its version: that is how it is written, and not which object it is.
            group = str(item.get("apiVersion", "")).rpartition("/")[0]
            found[group, str(item.get("kind", "")), _name(item)] = item
    return found


def _changes(before: dict[_Key, Object], after: dict[_Key, Object]) -> Iterator[Change]:
    for key in sorted({*before, *after}):
        old, new = before.get(key, {}), after.get(key, {})
        if old != new:
            op = Op.UPDATE if old and new else Op.CREATE if new else Op.DELETE
            yield Change(
                op=op,
                kind=_kind(new or old),
                name=key[2],
                old=old,
                new=new,
                leaves=tuple(differences(old, new, {})) if new else (),
                retained=_kept(old),
            )


def _kind(item: Object) -> str:
    # As Pulumi writes types, so that a change means the same whoever makes it.
    version = str(item.get("apiVersion", ""))
    return f"kubernetes:{version if '/' in version else f'core/{version}'}:{item.get('kind', '')}"


def _name(item: Object) -> str:
    metadata = item.get("metadata") or {}
    return "/".join(str(metadata[key]) for key in ("namespace", "name") if metadata.get(key))


def _kept(item: Object) -> bool:
    annotations = (item.get("metadata") or {}).get("annotations") or {}
    return _KEPT in str(annotations.get(_OPTIONS, ""))
