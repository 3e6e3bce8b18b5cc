"""`manifests/<stack>/`: what Argo CD syncs, one file an object.

Refuses a stack whose service Pulumi applies itself (the same objects would have two owners) and a Secret (everybody who
reads the repository would read it), and leaves every file alone that it has not written itself. A check fails on such a
file where Argo CD would apply it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from components.tts.rollout import ASKED_CLASS, OUTPUTS_CLAIM, WEIGHTS_CLAIM
from components.tts.sync_waves import SYNC_WAVE, sync_wave
from ops.errors import OpsError
from stacks.choices import Delivery
from stacks.settings import ExistingClaim, Stack

_MARK = "# Written by: make render STACK="
_SYNC_OPTIONS = "argocd.argoproj.io/sync-options"

_COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"

_KEPT = "Prune=false,Delete=false"
"""https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/"""

_RESTORED = {_SYNC_OPTIONS: "Prune=false", _COMPARE_OPTIONS: "IgnoreExtraneous"}
"""Of a claim that git may stop naming while its data stays.
https://argo-cd.readthedocs.io/en/stable/user-guide/compare-options/"""

_HOOK = {"argocd.argoproj.io/hook": "Sync", "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation"}
"""Of a Job, which runs once and cannot be changed: Argo CD runs it anew in every sync, which ends where it fails.
https://argo-cd.readthedocs.io/en/stable/user-guide/resource_hooks/"""

_APPLIED = frozenset({".yaml", ".yml", ".json", ".jsonnet"})
"""Ends of names that Argo CD reads in a directory.
https://argo-cd.readthedocs.io/en/release-3.2/user-guide/directory/"""

_CLAIM = "PersistentVolumeClaim"
_JOB = "Job"

Object = dict[str, Any]


STALE = "is not what the code renders"
"""Said of manifests that a render would change."""


class Change(StrEnum):
    """What became of a file."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    SAME = "same"
    FOREIGN = "not ours, left alone"


@dataclass(frozen=True, kw_only=True)
class Manifests:
    """The manifests of one stack in a checkout."""

    root: Path
    stack: str
    wanted: Mapping[str, str] = field(default_factory=dict[str, str])
    """Text by name of file, as rendered."""

    @property
    def place(self) -> str:
        """The directory, as git names it."""
        return f"manifests/{self.stack}"

    def changes(self) -> dict[str, Change]:
        """What writing would do, by name of file. Raises OpsError where a foreign file has the name of one of ours."""
        found: dict[str, Change] = {}
        there = self._there()
        for name in sorted(there.keys() | self.wanted.keys()):
            before, after = there.get(name), self.wanted.get(name)
            if before is not None and not before.startswith(_MARK):
                if after is not None:
                    raise OpsError(f"{self.place}/{name} was not written by this command: move it away.")
                found[name] = Change.FOREIGN
            elif after is None:
                found[name] = Change.REMOVED
            elif before is None:
                found[name] = Change.ADDED
            else:
                found[name] = Change.SAME if before == after else Change.CHANGED
        return found

    def write(self) -> dict[str, Change]:
        """Makes the directory what is wanted, and returns what that changed."""
        changes = self.changes()
        self._directory.mkdir(parents=True, exist_ok=True)
        for name, change in changes.items():
            if change in (Change.ADDED, Change.CHANGED):
                (self._directory / name).write_bytes(self.wanted[name].encode())
            elif change is Change.REMOVED:
                (self._directory / name).unlink()
        return changes

    def diff(self) -> Iterator[str]:
        """Lines of a unified diff from what is there to what is wanted, and of files that should not be there."""
        there, changes = self._there(), self.changes()
        for name, change in changes.items():
            if change not in (Change.ADDED, Change.CHANGED, Change.REMOVED):
                continue
            before, after = there.get(name), self.wanted.get(name)
            yield from difflib.unified_diff(
                (before or "").splitlines(),
                (after or "").splitlines(),
                "/dev/null" if before is None else f"a/{self.place}/{name}",
                "/dev/null" if after is None else f"b/{self.place}/{name}",
                lineterm="",
            )
            if before is not None and after is not None and before.splitlines() == after.splitlines():
                # Line ends alone differ, which no line of a diff shows.
                yield f"a/{self.place}/{name} has other line ends"
        yield from self._strangers(changes)

    def check(self) -> Iterator[str]:
        """Lines of what differs. Raises OpsError at their end, if there were any, with what to do."""
        changes = self.changes()
        yield from self.diff()
        stale = f"{self.place} {STALE}: make render STACK={self.stack}, and commit it."
        advice = [stale] if set(changes.values()) - {Change.SAME, Change.FOREIGN} else []
        advice += self._strangers(changes)
        if advice:
            raise OpsError("\n".join(advice))

    def _strangers(self, changes: Mapping[str, Change]) -> list[str]:
        return [
            f"{self.place}/{name} is not rendered, and Argo CD would apply it: take it out."
            for name, change in changes.items()
            if change is Change.FOREIGN and Path(name).suffix in _APPLIED
        ]

    def claims(self) -> dict[str, ExistingClaim]:
        """The claims that the files there make, by name: what the service has, for the settings to ask."""
        found: dict[str, ExistingClaim] = {}
        for text in self._there().values():
            if not text.startswith(_MARK):
                continue
            try:
                item = parsed(text)
            except yaml.YAMLError:
                # Nobody ever applied it, and this may be the very commit that is to be taken back.
                continue
            if isinstance(item, dict) and item.get("kind") == _CLAIM:
                found[item["metadata"]["name"]] = _claim(item)
        return found

    @property
    def _directory(self) -> Path:
        return self.root / self.place

    def _there(self) -> dict[str, str]:
        files = (file for file in self._directory.glob("*") if file.is_file())
        # Bytes that are no text are no manifest, and so not ours.
        return {file.name: file.read_bytes().decode(errors="replace") for file in files}


def files(stack: str, objects: Iterable[Object], *, keep_data: bool) -> dict[str, str]:
    """The text of each object's file by its name; with `keep_data` Argo CD deletes nothing that holds data."""
    found: dict[str, str] = {}
    for item in objects:
        name = f"{item['kind']}-{item['metadata']['name']}.yaml".lower()
        if item["kind"] == "Secret":
            raise OpsError(
                f"The service has a Secret, {item['metadata']['name']}, and who reads the repository would read it: "
                "have a controller make it in the cluster."
            )
        if name in found:
            raise OpsError(
                f"Two objects of one kind and name would both be {name}: name one of them otherwise."
            )
        found[name] = f"{_MARK}{stack}\n{_text(_for_argo_cd(item, keep_data=keep_data))}"
    return found


def refuse_direct(stack: Stack) -> None:
    """Raises OpsError for a stack that has no manifests."""
    if stack.settings.delivery is Delivery.DIRECT:
        raise OpsError(
            f"Stack {stack.name} has no manifests: Pulumi applies its service itself (delivery: direct). "
            f"To have Argo CD do it, destroy it first where it is up ({_destroyed_by(stack.name)}), then "
            f"write tts-platform:delivery: gitops into Pulumi.{stack.name}.yaml, and tts-platform:gitRepository too."
        )


def _destroyed_by(stack: str) -> str:
    return "make down" if stack == "local" else f"make destroy STACK={stack}"


def parsed(text: str) -> Object:
    """One object of a file's text."""
    item: Object = yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a SafeLoader
    return item


def _for_argo_cd(item: Object, *, keep_data: bool) -> Object:
    kind, metadata = item["kind"], item["metadata"]
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if not key.startswith("pulumi.com/")
    }
    try:
        annotations[SYNC_WAVE] = str(sync_wave(item["apiVersion"], kind))
    except KeyError:
        raise OpsError(f"{kind} has no sync wave: give it one in components/tts/sync_waves.py.") from None
    if kind == _JOB:
        annotations |= _HOOK
    if kind == _CLAIM and metadata["name"] not in (OUTPUTS_CLAIM, WEIGHTS_CLAIM):
        annotations |= _RESTORED
    if kind == _CLAIM and keep_data:
        annotations[_SYNC_OPTIONS] = _KEPT
    return {**item, "metadata": {**metadata, "annotations": annotations}}


def _claim(item: Object) -> ExistingClaim:
    metadata, spec = item["metadata"], item["spec"]
    return ExistingClaim(
        size=spec["resources"]["requests"]["storage"],
        access_mode=spec["accessModes"][0],
        storage_class=spec.get("storageClassName"),
        asked_class=metadata.get("annotations", {}).get(ASKED_CLASS),
        namespace=metadata["namespace"],
    )


class _Loader(yaml.SafeLoader):
    """Reads a lone = as the text that it is."""


def _as_text(_loader: _Loader, node: yaml.Node) -> Any:
    return node.value


_Loader.add_constructor("tag:yaml.org,2002:value", _as_text)


class _Dumper(yaml.SafeDumper):
    """Writes texts so that Go's YAML reads them as texts too, which has more numbers and booleans than this one."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class says so
        """An anchor saves nothing here, and hides what an object is."""
        return True


_NUMBER_OR_FLAG = re.compile(r"[-+.]?[\d.][\da-fA-F_.eExXoObB:+-]*|[yYnN]|[-+]?\.(inf|nan)", re.IGNORECASE)
"""What some YAML reads as a number or a boolean: 1e3, 0o17, y."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else '"' if _NUMBER_OR_FLAG.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent)


def _text(item: Object) -> str:
    first = {key: item[key] for key in ("apiVersion", "kind", "metadata")}
    rest = {key: item[key] for key in sorted(item.keys() - first.keys())}
    return "".join(_dumped({key: value}) for key, value in (first | rest).items())


def _dumped(part: Object) -> str:
    # Never folded: one long value is one line of a diff.
    return yaml.dump(part, Dumper=_Dumper, allow_unicode=True, width=10**6)
