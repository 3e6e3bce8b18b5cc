"""Stand-ins for the CSI drivers that EKS's add-ons bring, in the real cluster of the rehearsal.

The provisioner makes a directory on a node, or on one file system that every node has, for a claim. What it cannot
show: encryption, growth, snapshots, and whether AWS's driver takes a StorageClass's parameters.
"""

import json
import os
import time
from collections.abc import Callable
from typing import Any

KUBECONFIG = "TTS_KUBECONFIG"

_NAMESPACE = "kube-system"
_SHARED = "/var/lib/tts-platform/shared"

# Add-on -> the provisioner's name in StorageClasses.
DRIVERS = {"aws-ebs-csi-driver": "ebs.csi.aws.com", "aws-efs-csi-driver": "efs.csi.aws.com"}

_SETUP = '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n'
_TEARDOWN = '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n'
_HELPER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "helper-pod"},
    "spec": {
        "priorityClassName": "system-node-critical",
        "tolerations": [{"operator": "Exists"}],
        "containers": [
            {
                "name": "helper-pod",
                "image": "localhost/tts-platform/debian:12.0.0",
                "imagePullPolicy": "IfNotPresent",
            }
        ],
    },
}


def install(addon: str) -> None:
    """Puts the add-on's driver into the cluster of TTS_KUBECONFIG; nothing without one, or for another add-on."""
    if addon not in DRIVERS or not os.environ.get(KUBECONFIG):
        return
    from kubernetes import utils

    client = _client()
    for item in objects(addon):
        try:
            utils.create_from_dict(client, item)
        except utils.FailToCreateError as error:
            # What an interrupted run left is the same.
            if any(refusal.status != 409 for refusal in error.api_exceptions):
                raise


def remove(addon: str) -> None:
    if addon not in DRIVERS or not os.environ.get(KUBECONFIG):
        return
    from kubernetes import client as kubernetes

    api = _client()
    core, apps = kubernetes.CoreV1Api(api), kubernetes.AppsV1Api(api)
    rights = kubernetes.RbacAuthorizationV1Api(api)
    deletions: tuple[Callable[[], Any], ...] = (
        lambda: apps.delete_namespaced_deployment(addon, _NAMESPACE, propagation_policy="Foreground"),
        lambda: core.delete_namespaced_config_map(addon, _NAMESPACE),
        lambda: rights.delete_namespaced_role_binding(addon, _NAMESPACE),
        lambda: rights.delete_namespaced_role(addon, _NAMESPACE),
        lambda: rights.delete_cluster_role_binding(addon),
        lambda: rights.delete_cluster_role(addon),
        lambda: core.delete_namespaced_service_account(addon, _NAMESPACE),
    )
    for delete in deletions:
        try:
            delete()
        except kubernetes.ApiException as error:
            if error.status != 404:
                raise
    _await_end(core, addon)


def _await_end(core: Any, addon: str) -> None:
    deadline = time.monotonic() + 60
    while core.list_namespaced_pod(_NAMESPACE, label_selector=f"app={addon}").items:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the pod of {addon} is still there")
        time.sleep(0.5)


def _client() -> Any:
    from kubernetes import config

    client: Any = config.new_client_from_config(config_file=os.environ[KUBECONFIG])
    return client


def objects(addon: str) -> list[dict[str, Any]]:
    """What runs the driver: rancher's local-path-provisioner, under the driver's name."""
    name = {"name": addon, "namespace": _NAMESPACE}
    subject = {"kind": "ServiceAccount", "name": addon, "namespace": _NAMESPACE}
    paths: dict[str, Any] = (
        {"sharedFileSystemPath": _SHARED}
        if addon == "aws-efs-csi-driver"
        else {"nodePathMap": [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": ["/var/lib/ebs"]}]}
    )
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": name},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": name,
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["pods"],
                    "verbs": ["get", "list", "watch", "create", "patch", "update", "delete"],
                }
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": name,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": addon},
            "subjects": [subject],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": addon},
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["nodes", "persistentvolumeclaims", "configmaps", "pods", "pods/log"],
                    "verbs": ["get", "list", "watch"],
                },
                {
                    "apiGroups": [""],
                    "resources": ["persistentvolumes"],
                    "verbs": ["get", "list", "watch", "create", "patch", "update", "delete"],
                },
                {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
                {
                    "apiGroups": ["storage.k8s.io"],
                    "resources": ["storageclasses"],
                    "verbs": ["get", "list", "watch"],
                },
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": addon},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": addon},
            "subjects": [subject],
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": name,
            "data": {
                "config.json": json.dumps(paths),
                "setup": _SETUP,
                "teardown": _TEARDOWN,
                "helperPod.yaml": json.dumps(_HELPER),
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": name,
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": {"app": addon}},
                "template": {
                    "metadata": {"labels": {"app": addon}},
                    "spec": {
                        "serviceAccountName": addon,
                        "nodeSelector": {"tts-platform/pool": "edge"},
                        "containers": [_container(addon)],
                        "volumes": [{"name": "config", "configMap": {"name": addon}}],
                    },
                },
            },
        },
    ]


def _container(addon: str) -> dict[str, Any]:
    return {
        "name": "provisioner",
        "image": "docker.io/rancher/local-path-provisioner:v0.0.30",
        "imagePullPolicy": "IfNotPresent",
        "command": [
            "local-path-provisioner",
            "start",
            "--config",
            "/etc/config/config.json",
            "--service-account-name",
            addon,
            "--provisioner-name",
            DRIVERS[addon],
            "--configmap-name",
            addon,
        ],
        "env": [
            {
                "name": "POD_NAMESPACE",
                "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}},
            },
            {"name": "CONFIG_MOUNT_PATH", "value": "/etc/config/"},
        ],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config/", "readOnly": True}],
    }
