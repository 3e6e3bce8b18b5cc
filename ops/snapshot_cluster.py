"""The cluster of a stack, and what its service's namespace has: snapshots, claims, pods."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import yaml

from components.tts.snapshot_job import names
from components.tts.snapshot_job.names import SnapshotSet
from ops import stack_file
from ops.audit import AuditLog
from ops.errors import OpsError, said
from ops.own_state import LOCAL
from ops.snapshot_settings import how_to_have_them
from ops.workspace import CHECKOUT, OwnBackend, Workspace, embedded

if TYPE_CHECKING:
    from kubernetes import client

GROUP: Final = (names.API_GROUP, names.API_VERSION)
CONTENTS: Final = "volumesnapshotcontents"
_SECONDS: Final = 20

Backend = Workspace | OwnBackend
Object = dict[str, Any]


@dataclass(frozen=True)
class StackCluster:
    """Where a stack's service is."""

    stack: str
    namespace: str
    deployment: str
    api: client.ApiClient

    @cached_property
    def core(self) -> client.CoreV1Api:
        """Claims, pods, ConfigMaps."""
        from kubernetes import client

        return client.CoreV1Api(self.api)

    @cached_property
    def batch(self) -> client.BatchV1Api:
        """Jobs."""
        from kubernetes import client

        return client.BatchV1Api(self.api)

    @cached_property
    def log(self) -> AuditLog:
        """The audit log."""
        return AuditLog(self.core, self.namespace)

    def snapshots(self) -> list[SnapshotSet]:
        """All snapshots in the namespace, newest first, whosever they are."""
        return names.sets(self._custom("volumesnapshots", namespaced=True))

    def snapshot(self, name: str) -> SnapshotSet:
        """One, by its name. Raises OpsError for one that is not there, or is another stack's."""
        named = [item for item in self.snapshots() if item.name == name]
        for item in named:
            if item.stack == self.stack:
                return item
        seen = f"make snapshots STACK={self.stack} shows what there is."
        if named:
            raise OpsError(
                f"Snapshot {name} is of stack {named[0].stack or '?'}, not of {self.stack}: {seen}"
            )
        raise OpsError(f"There is no snapshot {name}: {seen}")

    def handles(self) -> dict[str, str]:
        """What the storage system calls each snapshot, by its VolumeSnapshotContent; none without the right."""
        from kubernetes.client.exceptions import ApiException

        try:
            contents = self.contents()
        except ApiException as error:
            if error.status != 403:
                raise
            # They are the cluster's, and the rest of the list is worth having.
            return {}
        return {
            item["metadata"]["name"]: item["status"]["snapshotHandle"]
            for item in contents
            if (item.get("status") or {}).get("snapshotHandle")
        }

    def contents(self) -> list[Object]:
        """The VolumeSnapshotContents of the namespace, those of VolumeSnapshots that are gone among them."""
        found = self._custom(CONTENTS, namespaced=False)
        return [
            item for item in found if item["spec"]["volumeSnapshotRef"].get("namespace") == self.namespace
        ]

    def volume_snapshots(self) -> list[Object]:
        """Every VolumeSnapshot of the namespace, whoever made it."""
        return self._custom("volumesnapshots", namespaced=True, selector="")

    def pin(self, snapshot: SnapshotSet, *, on: bool) -> None:
        """Has the schedule keep a snapshot for ever, or no longer."""
        body = {"metadata": {"labels": {names.KEEP: names.KEPT if on else None}}}
        for item in snapshot.objects.values():
            self.objects.patch_namespaced_custom_object(
                *GROUP,
                self.namespace,
                "volumesnapshots",
                item["metadata"]["name"],
                body,
                _request_timeout=_SECONDS,
            )
            self._pin_content(item, body)

    def _pin_content(self, item: Object, body: Object) -> None:
        """What a class that retains leaves of it says so too: `prune` spares that."""
        from kubernetes.client.exceptions import ApiException

        content = (item.get("status") or {}).get("boundVolumeSnapshotContentName")
        if not content:
            return
        try:
            self.objects.patch_cluster_custom_object(
                *GROUP, CONTENTS, content, body, _request_timeout=_SECONDS
            )
        except ApiException as error:
            # Without the right to it a person cannot prune either.
            if error.status not in (403, 404):
                raise

    def claims(self) -> set[str]:
        """Names of all claims in the namespace."""
        found = self.core.list_namespaced_persistent_volume_claim(self.namespace, _request_timeout=_SECONDS)
        return {item.metadata.name for item in found.items}

    def mounted(self) -> dict[str, str]:
        """The claims that the Deployment mounts, by volume; empty where there is no Deployment."""
        found = self._deployment()
        return {} if found is None else _claims(found.spec.template.spec)

    def in_place(self) -> bool:
        """Whether the old pod goes before the new one comes."""
        found = self._deployment()
        strategy: Any = found.spec.strategy if found is not None else None
        update = strategy.rolling_update if strategy is not None else None
        return update is not None and str(update.max_surge) in ("0", "0%")

    def _deployment(self) -> client.V1Deployment | None:
        from kubernetes import client
        from kubernetes.client.exceptions import ApiException

        apps = client.AppsV1Api(self.api)
        try:
            return apps.read_namespaced_deployment(self.deployment, self.namespace, _request_timeout=_SECONDS)
        except ApiException as error:
            if error.status != 404:
                raise
            return None

    def serving(self) -> set[str]:
        """The claims that ready pods of the service mount."""
        pods = self.core.list_namespaced_pod(
            self.namespace,
            label_selector=f"app.kubernetes.io/name={self.deployment}",
            _request_timeout=_SECONDS,
        )
        return {claim for pod in pods.items if _ready(pod) for claim in _claims(pod.spec).values()}

    @cached_property
    def objects(self) -> client.CustomObjectsApi:
        """VolumeSnapshots and their contents."""
        from kubernetes import client

        return client.CustomObjectsApi(self.api)

    def _custom(self, plural: str, *, namespaced: bool, selector: str = names.SNAPSHOT) -> list[Object]:
        from kubernetes.client.exceptions import ApiException

        try:
            if namespaced:
                found = self.objects.list_namespaced_custom_object(
                    *GROUP, self.namespace, plural, label_selector=selector, _request_timeout=_SECONDS
                )
            else:
                found = self.objects.list_cluster_custom_object(*GROUP, plural, _request_timeout=_SECONDS)
        except ApiException as error:
            if error.status != 404:
                raise
            raise OpsError(
                f"The cluster of stack {self.stack} knows no snapshots: {how_to_have_them(self.stack)}."
            ) from None
        items: list[Object] = found["items"]
        return items


def connected(backend: Backend) -> StackCluster:
    """The cluster of a stack, by its outputs and its settings."""
    shown = backend.run("stack", "output", "--json", "--show-secrets", capture=True).stdout
    outputs: dict[str, Any] = json.loads(shown)
    if "namespace" not in outputs:
        raise OpsError(f"Stack {backend.stack} has no service yet: pulumi up --stack {backend.stack}.")
    return StackCluster(backend.stack, outputs["namespace"], outputs["deployment"], _api(backend, outputs))


def backend(stack: str, name: str) -> Backend:
    """Where a stack's state is: in the backend of the login, but for the local one, which is on the cluster `name`."""
    if stack == LOCAL:
        workspace = embedded(name)
        if not workspace.exists:
            raise OpsError(f"make up has put nothing onto the embedded cluster {name} yet.")
        return workspace
    stack_file.path(CHECKOUT, stack)
    return OwnBackend(stack)


@contextmanager
def answers(stack: str) -> Iterator[None]:
    """What the cluster refuses within, or does not answer, is an OpsError of one line."""
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        raise OpsError(f"The cluster of stack {stack} refuses: {said(error)}.") from None
    except HTTPError as error:
        why = " ".join(str(error).split())[:300]
        raise OpsError(f"The cluster of stack {stack} does not answer: {why}") from None


def _api(backend: Backend, outputs: Mapping[str, Any]) -> client.ApiClient:
    from kubernetes import config
    from kubernetes.config.config_exception import ConfigException

    try:
        if outputs.get("kubeconfig"):
            text = outputs["kubeconfig"]
            return config.new_client_from_config_dict(yaml.safe_load(text) if isinstance(text, str) else text)
        kubeconfig, context = _named(backend)
        return config.new_client_from_config(config_file=kubeconfig, context=context)
    except ConfigException as error:
        raise OpsError(f"The kubeconfig of stack {backend.stack} does not work: {error}") from None


def _named(backend: Backend) -> tuple[str, str | None]:
    """The kubeconfig and its context that the settings name."""
    from pathlib import Path

    from stacks.kubeconfig import NoCluster, find

    if isinstance(backend, Workspace):
        settings = stack_file.keys(backend.config_file.read_text(encoding="utf-8"))
        return str(settings["kubeconfig"]), settings.get("kubeContext")
    settled = stack_file.read(CHECKOUT, backend.stack).settings
    try:
        found = find(settled.kubeconfig, settled.kube_context)
    except NoCluster as missing:
        problem = missing.problem
        raise OpsError(f"{problem.key}: {problem.value or 'it'} {problem.why} {problem.instead}") from None
    return str(Path(found.kubeconfig).expanduser()), found.context


def age(moment: datetime, now: datetime) -> str:
    """How long ago, in the two largest units: 3 h 12 min."""
    minutes = max(0, int((now - moment).total_seconds() // 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def _claims(pod: Any) -> dict[str, str]:
    return {
        volume.name: volume.persistent_volume_claim.claim_name
        for volume in pod.volumes or ()
        if volume.name in names.VOLUME_NAMES and volume.persistent_volume_claim is not None
    }


def _ready(pod: Any) -> bool:
    conditions = pod.status.conditions or ()
    return pod.metadata.deletion_timestamp is None and any(
        item.type == "Ready" and item.status == "True" for item in conditions
    )
