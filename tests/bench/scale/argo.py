"""Argo CD with an Application for each service: it takes over what is on the cluster already, and keeps it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from tests.bench.scale.control_plane import rows
from tests.bench.scale.fleet import Fleet, namespace
from tests.bench.usage import ARGO_CD_ROLES, Usage
from tests.cluster.running import Running, eventually
from tests.gitops.delivered import ARGO_CD, TOKEN, Delivered

CONTROLLER: Final = "argocd-application-controller"
_BRANCH: Final = "scale"
_PROJECT: Final = "scale"


@dataclass
class Synced:
    """What a number of Applications has taken."""

    good: int = 0
    """Applications that are Synced and Healthy."""

    seconds: float = 0.0
    peak: dict[str, float] = field(default_factory=dict[str, float])
    """MiB by role, at the most while they were synced."""


class ArgoCd:
    """The Argo CD of the local stack, with a project and a branch of the benchmark's own."""

    def __init__(self, stack: Delivered, fleet: Fleet, usage: Usage) -> None:
        self._stack = stack
        self._fleet = fleet
        self._usage = usage
        self._turns = 0
        self.size = 0

    @property
    def _running(self) -> Running:
        return self._fleet.running

    def controllers(self, count: int) -> None:
        """None while other things are measured: it would look at each of their pods."""
        self._running.apps.patch_namespaced_stateful_set_scale(
            CONTROLLER, ARGO_CD, {"spec": {"replicas": count}}
        )
        eventually(
            lambda: len(self._running.ready_pods(ARGO_CD, f"app.kubernetes.io/name={CONTROLLER}")) == count,
            120,
            f"{count} application controllers run",
        )

    def commit_services(self) -> None:
        """A branch with a directory for each service of the fleet, and a project that may do anything with them."""
        self._stack.git("checkout", "--quiet", "--orphan", _BRANCH)
        self._stack.git("rm", "-r", "--quiet", "--force", ".")
        for number in range(self._fleet.size):
            directory = self._stack.clone / f"s-{number:04}"
            directory.mkdir()
            for item in self._fleet.templates.of(number):
                text = yaml.safe_dump(item)
                (directory / f"{item['kind'].lower()}.yaml").write_text(text, encoding="utf-8")
        self._push("Every service")
        # The program's own credential is for its own project alone.
        self._running.core.create_namespaced_secret(
            ARGO_CD,
            {
                "metadata": {
                    "name": "scale-repository",
                    "labels": {"argocd.argoproj.io/secret-type": "repository", "bench": "scale"},
                },
                "stringData": {
                    "type": "git",
                    "url": self._stack.server.url,
                    "username": "git",
                    "password": TOKEN,
                    "project": _PROJECT,
                },
            },
        )
        everything = [{"group": "*", "kind": "*"}]
        self._create(
            "appprojects",
            {
                "metadata": {"name": _PROJECT},
                "spec": {
                    "sourceRepos": ["*"],
                    "destinations": [{"server": "*", "namespace": "*"}],
                    "namespaceResourceWhitelist": everything,
                },
            },
            "AppProject",
        )

    def grow(self, to: int, seconds: float) -> Synced:
        """Makes Applications up to that number and waits until all are good, but no longer than that."""
        with ThreadPoolExecutor(8) as pool:
            started = time.monotonic()
            list(pool.map(self._application, range(self.size, to)))
        self.size = to
        result = Synced()
        while result.good < to and result.seconds < seconds:
            time.sleep(2)
            result.good = self._good()
            result.seconds = time.monotonic() - started
            for role, memory in self._usage.memory().items():
                if role in (*ARGO_CD_ROLES, "kube-apiserver"):
                    result.peak[role] = max(result.peak.get(role, 0.0), memory)
        return result

    def one_change(self) -> float:
        """Seconds from a commit for one service, and a word to its Application, until the cluster has it."""
        self._turns += 1
        turn = self._turns
        file = self._stack.clone / "s-0000" / "service.yaml"
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        document["metadata"]["annotations"] = {"tts-platform/turn": str(turn)}
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        self._push(f"Turn {turn}")
        started = time.monotonic()
        self._stack.objects.patch_namespaced_custom_object(
            "argoproj.io",
            "v1alpha1",
            ARGO_CD,
            "applications",
            "s-0000",
            {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}},
        )
        eventually(lambda: self._turn() == str(turn), 100, "Argo CD applies one change")
        return time.monotonic() - started

    def restarts(self) -> int:
        """How often one of its containers was started again: one that takes more than its limit is."""
        pods = self._running.core.list_namespaced_pod(ARGO_CD).items
        return sum(c.restart_count for pod in pods for c in pod.status.container_statuses or [])

    def _turn(self) -> str | None:
        service = self._running.core.read_namespaced_service("s-0000", namespace(0))
        annotations: Mapping[str, str] = service.metadata.annotations or {}
        return annotations.get("tts-platform/turn")

    def _good(self) -> int:
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{ARGO_CD}/applications"
        found = rows(self._running, path, "bench=scale")
        return sum((row["Sync Status"], row["Health Status"]) == ("Synced", "Healthy") for row in found)

    def _application(self, number: int) -> None:
        self._create(
            "applications",
            {
                "metadata": {"name": f"s-{number:04}", "labels": {"bench": "scale"}},
                "spec": {
                    "project": _PROJECT,
                    "source": {
                        "repoURL": self._stack.server.url,
                        "targetRevision": _BRANCH,
                        "path": f"s-{number:04}",
                    },
                    "destination": {
                        "server": "https://kubernetes.default.svc",
                        "namespace": namespace(number),
                    },
                    "syncPolicy": {
                        "automated": {"prune": True, "selfHeal": True},
                        "syncOptions": ["ServerSideApply=true"],
                    },
                },
            },
            "Application",
        )

    def _create(self, plural: str, item: dict[str, Any], kind: str) -> None:
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, **item}
        self._stack.objects.create_namespaced_custom_object("argoproj.io", "v1alpha1", ARGO_CD, plural, body)

    def _push(self, message: str) -> None:
        self._stack.git("add", "--all")
        self._stack.git("commit", "--quiet", "--message", message)
        self._stack.git("push", "--quiet", str(self._stack.server.repository), f"HEAD:{_BRANCH}")
