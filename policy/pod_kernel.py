"""The part of Pod Security `restricted` that is about the node's kernel: what a pod may set of it, and what guards it.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.model import Resource, Rule, Settings, each
from policy.workloads import in_containers, is_workload, pod_spec, security, title

_SYSCTLS: Final = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_syncookies",
    }
)
"""Those that touch nothing outside the pod."""

_SELINUX_TYPES: Final = frozenset(
    {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
)


def _look(who: str, context: Mapping[str, Any]) -> Iterator[str]:
    if (context.get("appArmorProfile") or {}).get("type") == "Unconfined":
        yield f"{who} runs without AppArmor."
    selinux = context.get("seLinuxOptions") or {}
    if selinux.get("user") or selinux.get("role") or (selinux.get("type") or "") not in _SELINUX_TYPES:
        yield f"{who} has an SELinux context of its own."
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield f"{who} is a process of the node: hostProcess."
    if context.get("procMount") not in (None, "Default"):
        yield f"{who} sees all of /proc."


def _check_sysctl(sysctl: Mapping[str, Any]) -> Iterator[str]:
    if sysctl.get("name") not in _SYSCTLS:
        yield f"Its pods set {sysctl.get('name')}."


def _check(workload: Resource, _: Settings) -> Iterator[str]:
    of_pod = security(pod_spec(workload))
    yield from each([of_pod], lambda context: _look("Its pod", context))
    yield from in_containers(workload, lambda container: _look(title(container), security(container)))
    yield from each(of_pod.get("sysctls") or (), _check_sysctl)


RULES: Final = (
    Rule(
        name="pod-kernel",
        says="A pod sets nothing of its node's kernel, and keeps what guards it: AppArmor, SELinux, a masked /proc.",
        reason="All pods of a node share one kernel, and these are what keeps them apart in it.",
        fix="Take sysctls, procMount, seLinuxOptions, hostProcess, and an appArmorProfile Unconfined out.",
        types=is_workload,
        check=_check,
    ),
)
