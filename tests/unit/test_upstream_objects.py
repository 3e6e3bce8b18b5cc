"""Changes to an upstream's objects."""

from typing import Any

import pulumi
import pytest

from components.upstream.images import mirrored, use_registry
from components.upstream.install import install
from components.upstream.objects import Change, Drop, transform
from components.upstream.source import UpstreamError
from tests.support import dependencies
from tests.support.recording import record


def deployment(name: str) -> dict[str, Any]:
    container = {"name": "main", "image": "quay.io/jetstack/controller:v1", "args": ["--v=2"]}
    return {
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


@pytest.mark.parametrize(
    "change",
    [
        Change(kind="Deployment", name="gone", apply=lambda _: None),
        Change(kind="DaemonSet", name="there", apply=lambda _: None),
        Drop(kind="Job", name="there"),
    ],
)
def test_a_change_that_matches_nothing_is_an_error(change: Change | Drop) -> None:
    with pytest.raises(UpstreamError, match="exactly one"):
        transform([deployment("there")], [change])


def test_a_change_touches_its_object_only() -> None:
    def scale(item: dict[str, Any]) -> None:
        item["spec"]["replicas"] = 2

    first, second = transform(
        [deployment("a"), deployment("b")], [Change(kind="Deployment", name="a", apply=scale)]
    )
    assert first["spec"]["replicas"] == 2
    assert "replicas" not in second["spec"]


def test_what_is_dropped_is_gone() -> None:
    assert transform([deployment("a")], [Drop(kind="Deployment", name="a")]) == []


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("quay.io/jetstack/controller:v1", "mirror.example.com/pull/jetstack/controller:v1"),
        ("envoyproxy/envoy:v1", "mirror.example.com/pull/envoyproxy/envoy:v1"),
        ("localhost:5000/a/b@sha256:0", "mirror.example.com/pull/a/b@sha256:0"),
        ("busybox:1", "mirror.example.com/pull/busybox:1"),
    ],
)
def test_a_mirror_replaces_the_registry_and_nothing_else(image: str, expected: str) -> None:
    assert mirrored(image, "mirror.example.com/pull/") == expected


def test_an_image_that_a_controller_starts_is_mirrored_too() -> None:
    item = deployment("cert-manager")
    args = item["spec"]["template"]["spec"]["containers"][0]["args"]
    args.append("--acme-http01-solver-image=quay.io/jetstack/solver:v1")
    use_registry([item], "mirror.example.com")
    containers = item["spec"]["template"]["spec"]["containers"]
    assert containers[0]["args"] == [
        "--v=2",
        "--acme-http01-solver-image=mirror.example.com/jetstack/solver:v1",
    ]


def test_nothing_is_there_before_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    order = ["Namespace", "ClusterRole", "Deployment", "ValidatingWebhookConfiguration"]
    objects = [{"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}} for kind in reversed(order)]
    found = dependencies.noted(monkeypatch)
    record(lambda: installed(objects))
    after = {name: {urn.rpartition("::")[2] for urn in urns} for name, urns in found.items()}
    names = [f"x-{kind.lower()}-a" for kind in order]
    assert [after[name] for name in names] == [set(), {names[0]}, {names[1]}, {names[2]}], (
        "each phase waits for the one before it, and so is gone before it, also where one between them is empty"
    )


@pytest.mark.parametrize("workload", ["Deployment", "DaemonSet", "StatefulSet"])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("Secret", "a pod whose secret is not there yet does not start, and its deadline runs"),
        ("NetworkPolicy", "until it is there, everybody reaches the pod"),
    ],
)
def test_pods_come_after_what_they_start_with(
    monkeypatch: pytest.MonkeyPatch, workload: str, kind: str, reason: str
) -> None:
    objects = [{"apiVersion": "v1", "kind": item, "metadata": {"name": "a"}} for item in (workload, kind)]
    found = dependencies.noted(monkeypatch)
    record(lambda: installed(objects))
    (after,) = found[f"x-{workload.lower()}-a"]
    assert after.endswith(f"::x-{kind.lower()}-a"), reason


def test_what_comes_after_all_of_it_is_told_what_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = [
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}} for kind in ("ConfigMap", "Service")
    ]
    found = dependencies.noted(monkeypatch)

    record(lambda: installed(objects, followed_by="later"))
    assert [urn.rpartition("::")[2] for urn in found["later"]] == ["x-service-a"], (
        "an instance that is made before its controller waits, and one that goes after it never goes"
    )


def installed(objects: list[dict[str, Any]], followed_by: str | None = None) -> None:
    last = install("x", objects, parent=pulumi.ComponentResource("test:index:Parent", "parent"))
    if followed_by:
        after = pulumi.ResourceOptions(depends_on=last)
        pulumi.CustomResource("kubernetes:core/v1:ConfigMap", followed_by, {}, after)


def test_a_kind_without_a_phase_is_an_error() -> None:
    with pytest.raises(ValueError, match="CronJob"):
        install("x", [{"kind": "CronJob", "metadata": {"name": "a"}}], parent=None)  # type: ignore[arg-type]
