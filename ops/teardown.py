"""Destroys a stack, all but its data, and says by name what is left.

Refuses a stack whose `deletionProtection` is on: sparing what is protected would leave volumes, and take the service.
Refuses one with ephemeral stacks on its cluster, whose disks would outlive it and be on no list.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from ops.errors import OpsError, said
from ops.snapshot_cluster import CONTENTS, GROUP
from ops.snapshot_orphans import made_here
from stacks.ephemeral_profile import STATE_ID

_NAMESPACE = "kubernetes:core/v1:Namespace"
_CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
_APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"
_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
_SNAPSHOT_CLASS = f"kubernetes:{'/'.join(GROUP)}:VolumeSnapshotClass"

Resource = dict[str, Any]


class Pulumi(Protocol):
    """The Pulumi CLI on one stack."""

    @property
    def stack(self) -> str:
        """Its name."""

    def run(self, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
        """Runs one command to its end; raises OpsError where it fails."""


@dataclass(frozen=True)
class Kept:
    """One thing that is still there."""

    kind: str
    name: str
    """As its owner lists it: an AWS id, or the name of a PersistentVolume that no driver has."""

    why: str


def refuse_protected(pulumi: Pulumi) -> None:
    """Raises OpsError while the service itself is protected."""
    if any(item["type"] == _NAMESPACE and item.get("protect") for item in in_state(pulumi)):
        stack = pulumi.stack
        raise OpsError(
            f"Stack {stack} is protected. If its end is meant: "
            f"pulumi config set deletionProtection false --stack {stack}, then pulumi up --stack {stack}, then this "
            "again. Its data is kept all the same."
        )


def refuse_guests(pulumi: Pulumi) -> None:
    """Raises OpsError while ephemeral stacks are on the cluster that goes with the stack."""
    # A try that has taken the namespaces of its own has been here before, and the cluster may be gone.
    own = any(item["type"] == _NAMESPACE for item in in_state(pulumi))
    outputs = _outputs(pulumi) if own else {}
    if "kubeconfig" not in outputs:
        return
    try:
        found = _core(outputs).list_namespace(label_selector=STATE_ID, _request_timeout=10).items
    except (ApiException, HTTPError) as error:
        raise OpsError(f"The cluster does not say which ephemeral stacks are on it: {said(error)}.") from None
    if found:
        names = ", ".join(sorted(item.metadata.name for item in found))
        raise OpsError(
            f"Ephemeral stacks are on the cluster of {pulumi.stack}, in {names}: their volumes would outlive it, and "
            f"nobody would know of them. End them first: make ephemeral-list STACK={pulumi.stack} has "
            "their names, and ephemeral-down ends each."
        )


def teardown(pulumi: Pulumi) -> list[Kept]:
    """Destroys what is not protected, and returns what is left."""
    refuse_protected(pulumi)
    refuse_guests(pulumi)
    # The state knows a claim as it was made; which volume it has got since is for the cluster to say.
    if any(item["type"] == _CLAIM for item in in_state(pulumi)):
        pulumi.run("refresh", "--yes", "--skip-preview", "--target", f"**{_CLAIM}::**")
    resources = in_state(pulumi)
    if any(item["type"] == _APPLICATION for item in resources):
        resources += _delivered_claims(pulumi)
    volumes = _as_the_cloud_knows_them(pulumi, list(retained(resources))) + _snapshots(pulumi, resources)
    try:
        pulumi.run("destroy", "--yes", "--skip-preview", "--exclude-protected")
    except OpsError as error:
        # The next try knows nothing of claims that are gone already.
        names = ", ".join(item.name for item in volumes) or "none"
        raise OpsError(f"{error} Try again. Volumes and snapshots that stay: {names}.") from None
    return [*protected(in_state(pulumi)), *volumes]


def _delivered_claims(pulumi: Pulumi) -> list[Resource]:
    """The claims that Argo CD has made, as a state would have them."""
    outputs = _outputs(pulumi)
    if "kubeconfig" not in outputs:
        return []
    core = _core(outputs)
    try:
        claims = core.list_namespaced_persistent_volume_claim(outputs["namespace"], _request_timeout=10).items
    except (ApiException, HTTPError) as error:
        raise OpsError(f"The cluster does not say which volumes there are: {error}") from None
    return [{"type": _CLAIM, "outputs": core.api_client.sanitize_for_serialization(item)} for item in claims]


def _as_the_cloud_knows_them(pulumi: Pulumi, volumes: list[Kept]) -> list[Kept]:
    """The volumes by their drivers' handles (vol-...): the cluster that knows their names will be gone."""
    outputs = _outputs(pulumi)
    if not volumes or "kubeconfig" not in outputs:
        return volumes
    core = _core(outputs)
    try:
        return [_with_handle(core, volume) for volume in volumes]
    except (ApiException, HTTPError) as error:
        raise OpsError(f"The cluster does not say which disks its volumes are: {error}") from None


def _snapshots(pulumi: Pulumi, resources: Sequence[Resource]) -> list[Kept]:
    """What is retained of snapshots: their objects go with the namespace, and the storage's stay."""
    classes = {
        item["outputs"]["metadata"]["name"]
        for item in resources
        if item["type"] == _SNAPSHOT_CLASS and item["outputs"].get("deletionPolicy") == "Retain"
    }
    outputs = _outputs(pulumi) if classes else {}
    if "kubeconfig" not in outputs:
        return []
    try:
        contents = _contents(outputs)
    except (ApiException, HTTPError) as error:
        if isinstance(error, ApiException) and error.status == 404:
            return []
        raise OpsError(f"The cluster does not say which snapshots there are: {said(error)}.") from None
    return [
        Kept(item["spec"]["driver"], item["status"]["snapshotHandle"], f"retained, of snapshot {_was(item)}")
        for item in contents
        if item["spec"].get("deletionPolicy") == "Retain"
        and any(made_here(item, name) for name in classes)
        and (item.get("status") or {}).get("snapshotHandle")
    ]


def _contents(outputs: dict[str, Any]) -> list[Resource]:
    objects = client.CustomObjectsApi(_core(outputs).api_client)
    found = objects.list_cluster_custom_object(*GROUP, CONTENTS, _request_timeout=10)
    items: list[Resource] = found["items"]
    return items


def _was(content: Resource) -> str:
    reference = content["spec"]["volumeSnapshotRef"]
    return f"{reference['namespace']}/{reference['name']}"


def _outputs(pulumi: Pulumi) -> dict[str, Any]:
    shown = pulumi.run("stack", "output", "--json", "--show-secrets", capture=True).stdout
    outputs: dict[str, Any] = json.loads(shown)
    return outputs


def _core(outputs: dict[str, Any]) -> client.CoreV1Api:
    try:
        return client.CoreV1Api(config.new_client_from_config_dict(json.loads(outputs["kubeconfig"])))
    except ConfigException as error:
        raise OpsError(f"The stack's kubeconfig does not work: {error}") from None


def _with_handle(core: client.CoreV1Api, volume: Kept) -> Kept:
    source = core.read_persistent_volume(volume.name, _request_timeout=10).spec.csi
    return volume if source is None else replace(volume, kind=source.driver, name=source.volume_handle)


def protected(resources: Sequence[Resource]) -> Iterator[Kept]:
    """What Pulumi refuses to delete, of the resources in a state."""
    for item in resources:
        if item.get("protect") and item.get("custom"):
            yield Kept(item["type"], item["id"], "protected")


def retained(resources: Sequence[Resource]) -> Iterator[Kept]:
    """The volumes that stay when their claims go, of the resources in a state from before."""
    classes = {
        item["outputs"]["metadata"]["name"]
        for item in resources
        if item["type"] == _CLASS and item["outputs"].get("reclaimPolicy") == "Retain"
    }
    for item in resources:
        if item["type"] != _CLAIM or "spec" not in item.get("outputs", {}):
            continue
        metadata, spec = item["outputs"]["metadata"], item["outputs"]["spec"]
        if spec.get("storageClassName") in classes and spec.get("volumeName"):
            claim = f"{metadata['namespace']}/{metadata['name']}"
            yield Kept("PersistentVolume", spec["volumeName"], f"retained, of claim {claim}")


def in_state(pulumi: Pulumi) -> list[Resource]:
    """Every resource in the stack's state."""
    state = json.loads(pulumi.run("stack", "export", capture=True).stdout)
    resources: list[Resource] = (state.get("deployment") or {}).get("resources") or []
    return resources
