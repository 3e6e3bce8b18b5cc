"""Which cluster a stack means: a file and a context in it, and never whatever context happens to be current."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stacks.problems import Problem


class NoCluster(Exception):
    """No cluster can be told."""

    def __init__(self, problem: Problem):
        super().__init__(problem.why)
        self.problem = problem


class NotYet(NoCluster):
    """Nothing names a cluster, or the file that would is not there yet."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster that a kubeconfig describes."""

    kubeconfig: str
    """Path, as the person wrote it: one with ~ means the same file on every colleague's machine."""

    context: str
    server: str
    """The API server's URL. What makes two clusters two: credentials and certificates come and go."""


def find(kubeconfig: str | None, context: str | None) -> Cluster:
    """The cluster of `context` in `kubeconfig`; without a path, in the files that kubectl would read."""
    if kubeconfig is None and context is None:
        raise NotYet(
            Problem(
                key="kubeconfig",
                value=None,
                why="names no cluster yet, and neither does kubeContext. A preview does without, an update cannot.",
                instead="Write kubeconfig (a path), kubeContext, or both; or awsRegion, for one of the stack's own.",
            )
        )
    if kubeconfig is not None and not Path(kubeconfig).expanduser().is_file():
        raise NotYet(
            Problem(
                key="kubeconfig",
                value=kubeconfig,
                why="does not exist.",
                instead="Start the cluster that writes it, or name another file or kubeContext.",
            )
        )
    there: list[str] = []
    for path in [kubeconfig] if kubeconfig else _default_paths():
        file = Path(path).expanduser()
        if not file.is_file():
            continue
        document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        found = _in_document(path, document, context)
        if found is not None:
            return found
        there += [item["name"] for item in document.get("contexts") or ()]
    raise NoCluster(
        Problem(
            key="kubeContext",
            value=context,
            why=f"is no context of {kubeconfig or 'your kubeconfig'}.",
            instead=f"Write one that is: {', '.join(there)}."
            if there
            else "Write a kubeconfig that has it: there is no context at all.",
        )
    )


def _in_document(path: str, document: dict[str, Any], context: str | None) -> Cluster | None:
    contexts = {item["name"]: item["context"] for item in document.get("contexts") or ()}
    if context is None:
        if len(contexts) != 1:
            raise NoCluster(
                Problem(
                    key="kubeContext",
                    value=None,
                    why=f"{path} has {len(contexts)} contexts ({', '.join(contexts)}), and the current one may be any.",
                    instead="Write kubeContext.",
                )
            )
        context = next(iter(contexts))
    if context not in contexts:
        return None
    servers = {item["name"]: item["cluster"]["server"] for item in document.get("clusters") or ()}
    return Cluster(kubeconfig=path, context=context, server=servers[contexts[context]["cluster"]])


def _default_paths() -> Iterator[str]:
    named = os.environ.get("KUBECONFIG")
    yield from (path for path in (named or "~/.kube/config").split(os.pathsep) if path)
