"""Pod Security `restricted`, for every pod that the program declares; what it says of the kernel is in pod_kernel.py.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.model import Level, Resource, Rule, Settings, each, kubernetes
from policy.workloads import in_containers, is_workload, pod_spec, security, title

_VOLUMES: Final = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_ENFORCE: Final = "pod-security.kubernetes.io/enforce"
_ROOT_REASON: Final = "tts-platform/runs-as-root"


def _check_privileges(workload: Resource, _: Settings) -> Iterator[str]:
    def look(container: Mapping[str, Any]) -> Iterator[str]:
        context = security(container)
        capabilities = context.get("capabilities") or {}
        if context.get("privileged"):
            yield f"{title(container)} is privileged."
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"{title(container)} may gain privileges: allowPrivilegeEscalation is not false."
        if "ALL" not in (capabilities.get("drop") or ()):
            yield f"{title(container)} does not drop all capabilities."
        added = sorted(set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"})
        if added:
            yield f"{title(container)} adds the capabilities {', '.join(added)}."

    return in_containers(workload, look)


def _check_non_root(workload: Resource, _: Settings) -> Iterator[str]:
    of_pod = security(pod_spec(workload))

    def look(container: Mapping[str, Any]) -> Iterator[str]:
        context = {**of_pod, **security(container)}
        if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
            yield f"{title(container)} may run as root."

    return in_containers(workload, look)


def _check_seccomp(workload: Resource, _: Settings) -> Iterator[str]:
    of_pod = security(pod_spec(workload))

    def look(container: Mapping[str, Any]) -> Iterator[str]:
        profile = {**of_pod, **security(container)}.get("seccompProfile") or {}
        if profile.get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{title(container)} has no seccomp profile."

    return in_containers(workload, look)


def _check_volumes(workload: Resource, _: Settings) -> Iterator[str]:
    def look(volume: Mapping[str, Any]) -> Iterator[str]:
        strange = sorted(set(volume) - _VOLUMES - {"name"})
        if strange:
            yield f"Volume {volume.get('name', '?')} is of type {', '.join(strange)}."

    return each(pod_spec(workload).get("volumes") or (), look)


def _check_host_network(workload: Resource, _: Settings) -> Iterator[str]:
    spec = pod_spec(workload)
    return each(
        ("hostNetwork", "hostPID", "hostIPC"),
        lambda field: [f"Its pods have {field}."] if spec.get(field) else [],
    )


def _check_host_ports(workload: Resource, _: Settings) -> Iterator[str]:
    def look(container: Mapping[str, Any]) -> Iterator[str]:
        ports = [str(port["hostPort"]) for port in container.get("ports") or () if port.get("hostPort")]
        if ports:
            yield f"{title(container)} takes the node's ports {', '.join(ports)}."

    return in_containers(workload, look)


def _check_namespace(namespace: Resource, _: Settings) -> Iterator[str]:
    enforced = (namespace.metadata.get("labels") or {}).get(_ENFORCE)
    reason = (namespace.metadata.get("annotations") or {}).get(_ROOT_REASON)
    if enforced != "restricted" and not (enforced == "baseline" and reason):
        yield f"The namespace enforces {enforced or 'nothing'}."


RULES: Final = (
    Rule(
        name="pod-privileges",
        says="A container has no privileges, and cannot gain any.",
        reason="Whoever takes over one with privileges has the node, and the pods beside it.",
        fix="Write allowPrivilegeEscalation: False and drop ALL capabilities; components/hardening.py is for that.",
        types=is_workload,
        check=_check_privileges,
    ),
    Rule(
        name="pod-non-root",
        says="A container does not run as root.",
        reason="Root in a container is root on the node at the next hole in the runtime.",
        fix="Set runAsNonRoot: true, and runAsUser where the image names no user.",
        types=is_workload,
        check=_check_non_root,
    ),
    Rule(
        name="pod-seccomp",
        says="A container has the runtime's seccomp profile.",
        reason="Without it every system call of the node's kernel is open to it.",
        fix="Set seccompProfile.type: RuntimeDefault in the pod's security context.",
        types=is_workload,
        check=_check_seccomp,
    ),
    Rule(
        name="pod-volumes",
        says="A pod mounts no path of its node, and no storage past a claim.",
        reason="A path of the node leads to other pods' files and to kubelet's credentials.",
        fix="Use a claim, a ConfigMap, a Secret or an emptyDir.",
        types=is_workload,
        check=_check_volumes,
    ),
    Rule(
        name="pod-host-network",
        says="No pod but Envoy's shares its node's network, and none its processes.",
        reason="No NetworkPolicy holds for it, and it hears what is meant for the node alone.",
        fix="Take hostNetwork, hostPID and hostIPC out.",
        types=is_workload,
        check=_check_host_network,
    ),
    Rule(
        name="pod-host-ports",
        says="No pod but Envoy's takes a port of its node.",
        reason="What listens on a node is reached past the edge, without TLS.",
        fix="Take hostPort out, and let an HTTPProxy lead there.",
        types=is_workload,
        check=_check_host_ports,
    ),
    Rule(
        name="namespace-pod-security",
        level=Level.ADVISORY,
        says="A namespace enforces Pod Security restricted, or baseline with the reason.",
        reason="The rules above see what the program declares; this holds for whatever else is put there.",
        fix=f"Label it {_ENFORCE}: restricted; or baseline, with the reason in the annotation {_ROOT_REASON}.",
        types=kubernetes("Namespace"),
        check=_check_namespace,
    ),
)
