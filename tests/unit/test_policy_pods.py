"""The rules of what pods may do on their node, each with pods that keep it and pods that break it."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.edge import ENVOY_NAMESPACE
from policy.exemptions import ROOT_ENGINES
from policy.model import UNKNOWN, Resource
from stacks.engines import CUSTOM, ENGINES
from tests.support.policy import SPEC, Change, Example, changed, container, deployment, judge, kubernetes


def envoy(change: Change, **metadata: Any) -> Resource:
    spec = {"template": {"spec": changed(SPEC, change)}}
    place = {"name": "envoy", "namespace": ENVOY_NAMESPACE, **metadata}
    return kubernetes("DaemonSet", {"metadata": place, "spec": spec})


HOST_PATH: Mapping[str, Any] = {"name": "node", "hostPath": {"path": "/"}}


def speech(engine: str, change: Change = lambda _: None, name: str = "speech") -> Resource:
    """The service's Deployment, which may run as root where the engine's image does."""

    def runs_as_root(spec: dict[str, Any]) -> None:
        del spec["securityContext"]
        change(spec)

    annotations = {"tts-platform/engine": engine}
    return deployment(runs_as_root, name=name, annotations=annotations)


def with_a_sidecar(spec: dict[str, Any]) -> None:
    spec["containers"] += [{"name": "sidecar"}]


EXAMPLES = [
    Example("pod-privileges", "none", [deployment()]),
    Example(
        "pod-privileges",
        "the one for ports",
        [
            deployment(
                container(
                    securityContext={
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
                    }
                )
            )
        ],
    ),
    Example(
        "pod-privileges",
        "all",
        [
            deployment(
                container(
                    securityContext={"privileged": True, "capabilities": {"add": ["SYS_ADMIN", "NET_ADMIN"]}}
                )
            )
        ],
        [
            "Container speech is privileged.",
            "Container speech may gain privileges: allowPrivilegeEscalation is not false.",
            "Container speech does not drop all capabilities.",
            "Container speech adds the capabilities NET_ADMIN, SYS_ADMIN.",
        ],
    ),
    Example(
        "pod-non-root",
        "by the pod, and by the container",
        [
            deployment(),
            deployment(
                lambda spec: (
                    spec.pop("securityContext"),
                    container(securityContext={"runAsNonRoot": True})(spec),
                )
            ),
        ],
    ),
    Example(
        "pod-non-root",
        "nothing said, root said, and taken back by the container",
        [
            deployment(lambda spec: spec.pop("securityContext")),
            deployment(lambda spec: spec["securityContext"].update(runAsUser=0)),
            deployment(container(securityContext={"runAsNonRoot": False})),
        ],
        ["Container speech may run as root."] * 3,
    ),
    Example(
        "pod-non-root",
        "only the speech pods of an image that cannot, and Envoy in its node's network",
        [
            *(speech(engine) for engine in sorted(ROOT_ENGINES)),
            envoy(lambda spec: spec.update(hostNetwork=True, securityContext={"runAsUser": 0})),
        ],
    ),
    Example(
        "pod-non-root",
        "speech pods of an image that can, what stands beside them, and Envoy in a network of its own",
        [
            speech("espeak"),
            speech("cosyvoice", name="other"),
            speech("cosyvoice", with_a_sidecar),
            envoy(lambda spec: spec.update(securityContext={"runAsUser": 0})),
        ],
        [
            "Container speech may run as root.",
            "Container speech may run as root.",
            "Container sidecar may run as root.",
            "Container speech may run as root.",
        ],
    ),
    Example("pod-seccomp", "of the pod", [deployment()]),
    Example(
        "pod-seccomp",
        "none",
        [deployment(lambda spec: spec["securityContext"].update(seccompProfile={"type": "Unconfined"}))],
        ["Container speech has no seccomp profile."],
    ),
    Example("pod-volumes", "a claim", [deployment()]),
    Example(
        "pod-volumes",
        "a path of the node",
        [deployment(lambda spec: spec["volumes"].append(HOST_PATH))],
        ["Volume node is of type hostPath."],
    ),
    Example(
        "pod-kernel",
        "nothing set, and what Kubernetes calls safe",
        [
            deployment(),
            deployment(
                lambda spec: spec["securityContext"].update(
                    sysctls=[{"name": "net.ipv4.tcp_syncookies", "value": "1"}],
                    appArmorProfile={"type": "RuntimeDefault"},
                    seLinuxOptions={"type": "container_t", "level": "s0:c1"},
                )
            ),
        ],
    ),
    Example(
        "pod-kernel",
        "all of it, by the pod and by a container",
        [
            deployment(
                lambda spec: spec["securityContext"].update(
                    sysctls=[
                        {"name": "kernel.msgmax", "value": "1"},
                        UNKNOWN,
                        {"name": "net.core.somaxconn"},
                    ],
                    appArmorProfile={"type": "Unconfined"},
                    windowsOptions={"hostProcess": True},
                )
            ),
            deployment(
                container(securityContext={"procMount": "Unmasked", "seLinuxOptions": {"type": "spc_t"}})
            ),
        ],
        [
            "Its pod runs without AppArmor.",
            "Its pod is a process of the node: hostProcess.",
            "Its pods set kernel.msgmax.",
            "Its pods set net.core.somaxconn.",
            "Container speech has an SELinux context of its own.",
            "Container speech sees all of /proc.",
        ],
    ),
    Example("pods-seen", "a patch of what has no pods", [kubernetes("ServicePatch", {})]),
    Example(
        "pods-seen",
        "a patch of pods, and what Helm makes",
        [
            kubernetes("DeploymentPatch", {}),
            Resource(type="kubernetes:helm.sh/v3:Release", name="it", properties={"chart": "it"}),
        ],
        [
            "A DeploymentPatch shows the rules a part of the pods only.",
            "The pods of a Release are seen by no rule: Helm makes them.",
        ],
    ),
    Example(
        "pod-host-network",
        "a network of its own, and Envoy",
        [
            deployment(),
            envoy(lambda spec: spec.update(hostNetwork=True)),
        ],
    ),
    Example(
        "pod-host-network",
        "the node's, and another envoy",
        [
            deployment(lambda spec: spec.update(hostNetwork=True, hostPID=True)),
            envoy(lambda spec: spec.update(hostNetwork=True), namespace="tts"),
        ],
        ["Its pods have hostNetwork.", "Its pods have hostPID.", "Its pods have hostNetwork."],
    ),
    Example(
        "pod-host-ports",
        "none, and Envoy's",
        [
            deployment(),
            envoy(container(ports=[{"containerPort": 8080, "hostPort": 80}])),
        ],
    ),
    Example(
        "pod-host-ports",
        "one of another",
        [deployment(container(ports=[{"containerPort": 80, "hostPort": 80}, {"containerPort": 1}]))],
        ["Container speech takes the node's ports 80."],
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_rule(example: Example) -> None:
    judge(example)


def test_the_engines_that_may_run_as_root_are_those_whose_images_do() -> None:
    as_root = {name for name, engine in ENGINES.items() if engine.user is None}
    assert {*as_root, CUSTOM} == ROOT_ENGINES, "an engine that needs no root could run as it, unseen"
