"""The rules of objects in a cluster, each with objects that keep it and objects that break it."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.edge import ENVOY_NAMESPACE
from components.nodes import GPU_RESOURCE, GPU_TOLERATIONS
from policy.exemptions import ROOT_ENGINES
from policy.gpu import GPU, TAINT_VALUE
from policy.images import MOVING, is_immutable
from policy.model import UNKNOWN, Resource
from stacks import values
from stacks.engines import CUSTOM, ENGINES
from tests.support.policy import Change, Example, changed, judge, kubernetes

SPEC: Mapping[str, Any] = {
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "tolerations": GPU_TOLERATIONS,
    "volumes": [{"name": "outputs", "persistentVolumeClaim": {"claimName": "outputs"}}],
    "containers": [
        {
            "name": "speech",
            "image": "quay.io/jetstack/speech:1.4.2",
            "resources": {
                "requests": {"cpu": "1", "memory": "8Gi"},
                "limits": {"memory": "8Gi", GPU: "1"},
            },
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "ports": [{"containerPort": 8091}],
        }
    ],
}


def deployment(change: Change = lambda _: None, **metadata: Any) -> Resource:
    """What keeps every rule, with a change made to the pods' spec."""
    spec = {"template": {"spec": changed(SPEC, change)}}
    return kubernetes("Deployment", {"metadata": metadata, "spec": spec})


def container(**values: Any) -> Change:
    """Sets fields of the only container."""
    return lambda spec: spec["containers"][0].update(values)


def image(name: object) -> Resource:
    return deployment(container(image=name))


def cron_job(change: Change) -> Resource:
    spec = {"jobTemplate": {"spec": {"template": {"spec": changed(SPEC, change)}}}}
    return kubernetes("CronJob", {"spec": spec})


def replication_controller(change: Change) -> Resource:
    return kubernetes("ReplicationController", {"spec": {"template": {"spec": changed(SPEC, change)}}})


def pod(change: Change) -> Resource:
    return kubernetes("Pod", {"spec": changed(SPEC, change)})


def envoy(change: Change, **metadata: Any) -> Resource:
    spec = {"template": {"spec": changed(SPEC, change)}}
    place = {"name": "envoy", "namespace": ENVOY_NAMESPACE, **metadata}
    return kubernetes("DaemonSet", {"metadata": place, "spec": spec})


def proxy(**spec: Any) -> Resource:
    return kubernetes("HTTPProxy", {"spec": spec})


def service(type_: str | None, **metadata: Any) -> Resource:
    return kubernetes("Service", {"metadata": metadata, "spec": {"type": type_} if type_ else {}})


def namespace(name: str = "tts", **metadata: Any) -> Resource:
    return kubernetes("Namespace", {"metadata": {"name": name, "namespace": "", **metadata}})


def network_policy(spec: Mapping[str, Any], place: object = "tts", **more: Any) -> Resource:
    return kubernetes("NetworkPolicy", {"metadata": {"namespace": place}, "spec": spec}, **more)


def delivered(place: object) -> Resource:
    return kubernetes("Application", {"spec": {"destination": {"namespace": place}}})


DENY: Mapping[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
UNGUARDED = "Namespace tts has no NetworkPolicy that denies everything."
ENFORCE = "pod-security.kubernetes.io/enforce"
HOST_PATH: Mapping[str, Any] = {"name": "node", "hostPath": {"path": "/"}}
DIGEST = "@sha256:" + "a" * 64


def speech(engine: str, change: Change = lambda _: None, name: str = "speech") -> Resource:
    """The service's Deployment, which may run as root where the engine's image does."""

    def runs_as_root(spec: dict[str, Any]) -> None:
        del spec["securityContext"]
        change(spec)

    annotations = {"tts-platform/engine": engine}
    return deployment(runs_as_root, name=name, annotations=annotations)


def with_a_sidecar(spec: dict[str, Any]) -> None:
    spec["containers"] += [{"name": "sidecar"}]


def two_containers(spec: dict[str, Any], **first: Any) -> None:
    """The first is as given, the second breaks every rule of containers."""
    spec["containers"] = [{"name": "first", **first}, {"name": "second", "image": "a/b"}]


def beside_unknown_ones(spec: dict[str, Any]) -> None:
    spec["initContainers"] = UNKNOWN
    two_containers(spec, image="b:1")


def tolerating(**toleration: str) -> Change:
    """Instead of the GPU nodes' taint, this one, or none."""
    return lambda spec: spec.update(tolerations=[toleration] if toleration else [])


def no_gpu(spec: dict[str, Any]) -> None:
    del spec["containers"][0]["resources"]["limits"][GPU]


def everywhere(spec: dict[str, Any]) -> None:
    no_gpu(spec)
    spec["tolerations"] = [{"operator": "Exists"}]


def nothing_of_gpus(spec: dict[str, Any]) -> None:
    no_gpu(spec)
    spec["tolerations"] = []


def init_container(spec: dict[str, Any]) -> None:
    spec["initContainers"] = [{"name": "prepare", "image": "busybox"}]


EXAMPLES = [
    Example("image-immutable", "a version", [image("a/b:1.4.2"), image("a/b:distroless-v1.38.9")]),
    Example("image-immutable", "a digest", [image(f"a/b{DIGEST}"), image(f"a/b:latest{DIGEST}")]),
    *(
        Example("image-immutable", name, [image(name)], [f'Container speech runs "{name}".'])
        for name in ("a/b", "a/b:latest", "a/b:main", "a/b:v1-latest", "r.io:5000/b", "a/b:1.4@sha256:0", "")
    ),
    Example(
        "image-immutable",
        "an init container's",
        [deployment(init_container)],
        ['Container prepare runs "busybox".'],
    ),
    Example(
        "image-immutable",
        "a cron job's, a replication controller's, and a pod's",
        [make(container(image="a/b")) for make in (cron_job, replication_controller, pod)],
        ['Container speech runs "a/b".'] * 3,
    ),
    Example(
        "image-immutable",
        "one in an argument",
        [deployment(container(args=["--acme-http01-solver-image=a/solver:latest"]))],
        ['Container speech, by an argument, runs "a/solver:latest".'],
    ),
    Example("image-immutable", "one that only the update knows", [image(UNKNOWN)]),
    Example(
        "image-immutable",
        "one beside what only the update knows: an image, an argument, and containers",
        [
            deployment(lambda spec: two_containers(spec, image=UNKNOWN, args=UNKNOWN)),
            deployment(container(image=UNKNOWN, args=[UNKNOWN, "--image=a/b"])),
            deployment(beside_unknown_ones),
        ],
        [
            'Container second runs "a/b".',
            'Container speech, by an argument, runs "a/b".',
            'Container second runs "a/b".',
        ],
    ),
    Example("image-registry", "an allowed repository", [image("quay.io/jetstack/a:1"), image("redis:8.2")]),
    *(
        Example("image-registry", name, [image(name)], [f'Container speech runs "{name}".'])
        for name in ("evil.io/a:1", "someone/a:1", "quay.io/jetstackevil/a:1", "quay.io.evil.io/jetstack/a:1")
    ),
    Example(
        "image-registry",
        "what an organisation allows takes the default's place",
        [image("ecr.aws/a:1"), image("quay.io/jetstack/a:1")],
        ['Container speech runs "quay.io/jetstack/a:1".'],
        {"registries": ["ecr.aws"]},
    ),
    Example(
        "image-registry",
        "a registry on a port, one on this machine, and a person of its name",
        [image("registry:5000/a:1"), image("localhost/a:1"), image("local/a:1")],
        ['Container speech runs "local/a:1".'],
        {"registries": ["registry:5000", "localhost", "local"]},
    ),
    Example(
        "image-registry",
        "one in a command",
        [deployment(container(command=["run", "--image=evil.io/a:1"]))],
        ['Container speech, by an argument, runs "evil.io/a:1".'],
    ),
    Example("container-requests", "both", [deployment()]),
    Example(
        "container-requests",
        "none, and one",
        [
            deployment(container(resources={})),
            deployment(container(resources={"requests": {"cpu": "1"}})),
        ],
        ["Container speech requests no cpu and no memory.", "Container speech requests no memory."],
    ),
    Example(
        "container-requests",
        "none beside those that only the update knows",
        [deployment(lambda spec: two_containers(spec, resources=UNKNOWN))],
        ["Container second requests no cpu and no memory."],
    ),
    Example("container-limits", "of memory", [deployment()]),
    Example(
        "container-limits",
        "none of memory",
        [deployment(container(resources={"limits": {"cpu": "1"}}))],
        ["Container speech has no limit of memory."],
    ),
    Example(
        "gpu-toleration",
        "with the taint, with any, and no GPU without",
        [
            deployment(),
            deployment(tolerating(operator="Exists")),
            deployment(tolerating(key=GPU, operator="Exists")),
            deployment(tolerating(key=GPU, value="present")),
            deployment(nothing_of_gpus),
        ],
    ),
    Example(
        "gpu-toleration",
        "a GPU without",
        [
            deployment(tolerating()),
            deployment(tolerating(key=GPU, operator="Exists", effect="NoExecute")),
            deployment(tolerating(key="other", operator="Exists")),
            deployment(tolerating(key=GPU, operator="Equal", value="true")),
            deployment(tolerating(key=GPU)),
        ],
        ["Its pods ask for a GPU and do not tolerate the taint of the nodes that have one."] * 5,
    ),
    Example("gpu-nodes-reserved", "with a GPU, and elsewhere", [deployment(), deployment(nothing_of_gpus)]),
    Example(
        "gpu-nodes-reserved",
        "without one, and without one anywhere",
        [
            deployment(no_gpu),
            deployment(everywhere),
        ],
        ["Its pods tolerate the taint of the GPU nodes and ask for no GPU."] * 2,
    ),
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
    Example(
        "namespace-pod-security",
        "restricted, and baseline with the reason",
        [
            namespace(labels={ENFORCE: "restricted"}),
            namespace(labels={ENFORCE: "baseline"}, annotations={"tts-platform/runs-as-root": "The image."}),
        ],
    ),
    Example(
        "namespace-pod-security",
        "nothing, baseline without a reason, and less for a reason",
        [
            namespace(),
            namespace(labels={ENFORCE: "baseline"}),
            namespace(
                labels={ENFORCE: "privileged"}, annotations={"tts-platform/runs-as-root": "The image."}
            ),
        ],
        [
            "The namespace enforces nothing.",
            "The namespace enforces baseline.",
            "The namespace enforces privileged.",
        ],
    ),
    Example("namespace-denies-by-default", "denied", [namespace(), network_policy(DENY)]),
    Example(
        "namespace-denies-by-default",
        "denied by two policies, a direction each, one of which names none",
        [namespace(), network_policy({"podSelector": {}}), network_policy({"policyTypes": ["Egress"]})],
    ),
    Example(
        "namespace-denies-by-default",
        "open, beside one whose name only the update knows",
        [
            Resource(
                type="kubernetes:core/v1:Namespace", name="it", properties={"metadata": {"name": UNKNOWN}}
            ),
            delivered("other"),
            namespace(),
        ],
        [UNGUARDED],
    ),
    Example(
        "namespace-denies-by-default",
        "denied, in a namespace that is not made yet",
        [namespace(), network_policy(DENY, UNKNOWN, dependencies={namespace().urn})],
    ),
    Example("namespace-denies-by-default", "delivered from git", [namespace(), delivered("tts")]),
    Example(
        "namespace-denies-by-default",
        "delivered from git elsewhere",
        [namespace(), delivered("other"), delivered(UNKNOWN)],
        [UNGUARDED],
    ),
    Example("namespace-denies-by-default", "the edge", [namespace(ENVOY_NAMESPACE)]),
    Example("namespace-denies-by-default", "no policy", [namespace()], [UNGUARDED]),
    Example(
        "namespace-denies-by-default",
        "another's policy",
        [namespace(), network_policy(DENY, "other"), network_policy(DENY, UNKNOWN)],
        [UNGUARDED],
    ),
    Example(
        "namespace-denies-by-default",
        "policies that leave something open",
        [
            namespace(),
            network_policy({**DENY, "policyTypes": ["Ingress"]}),
            network_policy({**DENY, "podSelector": {"matchLabels": {"app": "speech"}}}),
            network_policy({**DENY, "podSelector": {"matchExpressions": [{"key": "app"}]}}),
            network_policy({**DENY, "ingress": [{}]}),
            network_policy({**DENY, "egress": [{}]}),
        ],
        [UNGUARDED],
    ),
    Example(
        "httpproxy-tls",
        "TLS, and a part of another proxy",
        [
            proxy(
                virtualhost={"fqdn": "a.test", "tls": {"secretName": "s", "minimumProtocolVersion": "1.3"}}
            ),
            proxy(virtualhost={"fqdn": "a.test", "tls": {"passthrough": True}}),
            proxy(routes=[{"services": []}]),
        ],
    ),
    Example(
        "httpproxy-tls",
        "none, an old one, and a way past it",
        [
            proxy(virtualhost={"fqdn": "a.test"}),
            proxy(
                virtualhost={"fqdn": "a.test", "tls": {"secretName": "s", "minimumProtocolVersion": "1.1"}}
            ),
            proxy(
                virtualhost={"fqdn": "a.test", "tls": {"secretName": "s"}}, routes=[{"permitInsecure": True}]
            ),
        ],
        ["a.test has no TLS.", "a.test speaks TLS 1.1.", "A route is served in clear too: permitInsecure."],
    ),
    Example(
        "httpproxy-tls",
        "an Ingress, which Contour takes too",
        [
            kubernetes("Ingress", {"spec": {"rules": [{"host": "a.test"}]}}),
            kubernetes("Ingress", {"spec": {"tls": [{"hosts": ["a.test"], "secretName": "s"}]}}),
        ],
        ["Contour serves an Ingress in clear."] * 2,
    ),
    Example(
        "service-exposure",
        "inside, and the edge",
        [
            service("ClusterIP"),
            service(None),
            service("LoadBalancer", name="envoy", namespace=ENVOY_NAMESPACE),
        ],
    ),
    Example(
        "service-exposure", "outside", [service("LoadBalancer")], ["The Service is of type LoadBalancer."]
    ),
    Example("service-node-port", "none", [service("ClusterIP")]),
    Example("service-node-port", "one", [service("NodePort")], ["The Service is of type NodePort."]),
    Example(
        "service-node-port",
        "an address that every node answers for",
        [kubernetes("Service", {"spec": {"externalIPs": ["198.51.100.7"]}})],
        ["The Service has external addresses: externalIPs."],
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_rule(example: Example) -> None:
    judge(example)


def test_the_taint_is_the_programs() -> None:
    assert {"key": GPU, "value": TAINT_VALUE, "effect": "NoSchedule"}.items() <= GPU_TOLERATIONS[0].items(), (
        "the rule would look for a taint that no node has"
    )
    assert GPU == GPU_RESOURCE


def test_the_engines_that_may_run_as_root_are_those_whose_images_do() -> None:
    as_root = {name for name, engine in ENGINES.items() if engine.user is None}
    assert {*as_root, CUSTOM} == ROOT_ENGINES, "an engine that needs no root could run as it, unseen"


def test_a_tag_that_the_settings_refuse_is_refused_in_the_pods_too() -> None:
    assert values._MOVING_TAGS <= MOVING, "what the pack takes, the settings would refuse as moving"
    for word in MOVING:
        assert not is_immutable(f"a/b:1.4.2-{word}")
