"""The rules of images, of what containers ask for, and of GPUs, each with pods that keep it and pods that break it."""

from typing import Any

import pytest

from components.nodes import GPU_RESOURCE, GPU_TOLERATIONS
from policy.gpu import GPU, TAINT_VALUE
from policy.images import MOVING, is_immutable
from policy.model import UNKNOWN, Resource
from stacks import values
from tests.support.policy import SPEC, Change, Example, changed, container, deployment, judge, kubernetes


def image(name: object) -> Resource:
    return deployment(container(image=name))


def cron_job(change: Change) -> Resource:
    spec = {"jobTemplate": {"spec": {"template": {"spec": changed(SPEC, change)}}}}
    return kubernetes("CronJob", {"spec": spec})


def replication_controller(change: Change) -> Resource:
    return kubernetes("ReplicationController", {"spec": {"template": {"spec": changed(SPEC, change)}}})


def pod(change: Change) -> Resource:
    return kubernetes("Pod", {"spec": changed(SPEC, change)})


DIGEST = "@sha256:" + "a" * 64


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
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_rule(example: Example) -> None:
    judge(example)


def test_the_taint_is_the_programs() -> None:
    assert {"key": GPU, "value": TAINT_VALUE, "effect": "NoSchedule"}.items() <= GPU_TOLERATIONS[0].items(), (
        "the rule would look for a taint that no node has"
    )
    assert GPU == GPU_RESOURCE


def test_a_tag_that_the_settings_refuse_is_refused_in_the_pods_too() -> None:
    assert values._MOVING_TAGS <= MOVING, "what the pack takes, the settings would refuse as moving"
    for word in MOVING:
        assert not is_immutable(f"a/b:1.4.2-{word}")
