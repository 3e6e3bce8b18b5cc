"""The same objects without Pulumi: a shell script of `kubectl apply --server-side`, waiting where it has to.

In four steps, each with all that can be had at once: an object comes after its kind, its namespace and the webhook
that is asked about it, and the service's pods after the snapshot before an upgrade, which must find no volume yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import join
from typing import Any, Final

from components.tts.sync_waves import sync_wave

Object = Mapping[str, Any]

SECONDS: Final = 300
"""For what is waited for."""

_BUILT_IN: Final = frozenset(
    {"", "apps", "batch", "policy", "rbac.authorization.k8s.io", "networking.k8s.io"}
    | {"apiextensions.k8s.io", "admissionregistration.k8s.io"}
)
"""Groups that every API server has."""

_UNTIL: Final[Mapping[str, str]] = {
    "CustomResourceDefinition": "condition=Established",
    "Deployment": "condition=Available",
    "DaemonSet": "jsonpath={.status.numberAvailable}",
    "ValidatingWebhookConfiguration": "jsonpath={.webhooks[0].clientConfig.caBundle}",
    "MutatingWebhookConfiguration": "jsonpath={.webhooks[0].clientConfig.caBundle}",
    "ClusterIssuer": "condition=Ready",
    "Certificate": "condition=Ready",
    "HTTPProxy": "condition=Valid",
    "Job": "condition=Complete",
}
"""When an object of a kind is there, as Pulumi waits for it."""

_STEPS: Final = 4


def objects(exported: Mapping[str, Any]) -> list[Object]:
    """What a stack's program asked the cluster for, of `pulumi stack export --show-secrets`."""
    found: list[Object] = [
        {key: value for key, value in resource["inputs"].items() if not key.startswith("__")}
        for resource in exported["deployment"]["resources"]
        if resource.get("custom") and resource["type"].startswith("kubernetes:")
    ]
    if not found:
        raise ValueError("the stack has no object of Kubernetes: there is nothing to apply.")
    return found


def applying(found: Sequence[Object], service: str, directory: Path) -> str:
    """A script that applies all and waits for it; `service` is the speech service's namespace."""
    lines: list[str] = []
    for number, step in enumerate(_steps(found, service)):
        lines += [_apply(_file(directory, f"step-{number}", step)), *_waits(step)]
    return "\n".join(lines) + "\n"


def again(found: Sequence[Object], directory: Path) -> str:
    """A script that applies all once more, where it is there."""
    return _apply(_file(directory, "all", found)) + "\n"


def difference(found: Sequence[Object], directory: Path) -> str:
    """A script that asks the cluster what applying would change."""
    # It ends with 1 where there is a difference.
    return f"kubectl diff --server-side --filename {_file(directory, 'all', found)} || test $? = 1\n"


def deleting(found: Sequence[Object], service: str, directory: Path) -> str:
    """A script that takes all away, instances before their controllers, and waits until it is gone."""
    steps = [_file(directory, f"step-{number}", step) for number, step in enumerate(_steps(found, service))]
    return "".join(f"kubectl delete --ignore-not-found --filename {file}\n" for file in reversed(steps))


def _steps(found: Sequence[Object], service: str) -> Iterator[list[Object]]:
    for number in range(_STEPS):
        yield [item for item in found if _step(item, service) == number]


def _step(item: Object, service: str) -> int:
    if item["kind"] in ("Namespace", "CustomResourceDefinition"):
        return 0
    if item["metadata"].get("namespace") == service:
        return 1 + sync_wave(item["apiVersion"], item["kind"])
    return 1 if item["apiVersion"].rpartition("/")[0] in _BUILT_IN else 2


def _apply(file: Path) -> str:
    return f"kubectl apply --server-side --filename {file}"


def _waits(step: Iterable[Object]) -> list[str]:
    """A line for each kind and namespace."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for item in step:
        if item["kind"] in _UNTIL:
            key = (item["kind"], item["metadata"].get("namespace", ""))
            wanted.setdefault(key, []).append(item["metadata"]["name"])
    return [
        join(
            ["kubectl", "wait", f"--timeout={SECONDS}s", f"--for={_UNTIL[kind]}"]
            + ([f"--namespace={namespace}"] if namespace else [])
            + [f"{kind}/{name}" for name in names]
        )
        for (kind, namespace), names in wanted.items()
    ]


def _file(directory: Path, name: str, step: Sequence[Object]) -> Path:
    file = directory / f"{name}.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": step}), encoding="utf-8")
    return file
