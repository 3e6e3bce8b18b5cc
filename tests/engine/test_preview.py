"""A preview lists everything, even for a cluster that does not exist yet."""

import base64
import json
import shutil
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
import yaml

from tests.support.project import ROOT, Project

CONTOUR_CRDS = {
    f"{kind}.projectcontour.io"
    for kind in (
        "contourconfigurations",
        "contourdeployments",
        "extensionservices",
        "httpproxies",
        "tlscertificatedelegations",
    )
}
CERT_MANAGER_CRDS = {
    "certificaterequests.cert-manager.io",
    "certificates.cert-manager.io",
    "challenges.acme.cert-manager.io",
    "clusterissuers.cert-manager.io",
    "issuers.cert-manager.io",
    "orders.acme.cert-manager.io",
}


DIRECT = {"delivery": "direct", "gitRepository": None}
"""The service itself in Pulumi's hands, in production too."""


def kind(resource: dict[str, Any]) -> str:
    return str(resource["type"]).rpartition(":")[2]


def names(resources: list[dict[str, Any]], wanted: str) -> set[str]:
    kubernetes = [item for item in resources if item["type"].startswith("kubernetes:")]
    return {item["inputs"]["metadata"]["name"] for item in kubernetes if kind(item) == wanted}


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_every_resource_is_listed(project: Project, stack: str) -> None:
    project.stack(stack, DIRECT)
    resources = project.previewed(stack)
    assert names(resources, "CustomResourceDefinition") == CONTOUR_CRDS | CERT_MANAGER_CRDS
    assert names(resources, "Namespace") == {"projectcontour", "cert-manager", "tts"}
    assert names(resources, "Deployment") == {
        "contour",
        "cert-manager",
        "cert-manager-cainjector",
        "cert-manager-webhook",
        "speech",
    }
    gpu_plugin = set() if stack == "local" else {"nvidia-device-plugin-daemonset"}
    assert names(resources, "DaemonSet") == {"envoy"} | gpu_plugin
    assert names(resources, "HTTPProxy") == {"speech"}
    # Production's file system has backups, and no snapshots.
    snapshots = stack != "prod"
    pre_upgrade = {"pre-upgrade"} if snapshots else set()
    assert names(resources, "Job") == {"contour-certgen-v1-33-8"} | pre_upgrade, (
        "cert-manager's start-up check is a hook"
    )
    assert names(resources, "CronJob") == ({"snapshots"} if snapshots else set())
    assert names(resources, "VolumeSnapshotClass") == ({"tts-snapshots"} if snapshots else set())
    assert names(resources, "ValidatingAdmissionPolicy") == {"tts-audit"}, (
        "the log of what was done stays as it is"
    )
    assert names(resources, "PersistentVolumeClaim") == {"outputs"}
    assert {"deny-all", "dns", "envoy-to-speech"} <= names(resources, "NetworkPolicy")
    assert "speech" in names(resources, "Certificate")


@pytest.mark.parametrize(
    ("stack", "protected"), [("dev", set[str]()), ("prod", {"tts", "outputs", "weights"})]
)
def test_what_was_spoken_is_protected_in_production(
    project: Project, stack: str, protected: set[str]
) -> None:
    project.stack(stack, {**DIRECT, "weightsSize": "50Gi"})
    kept = [item for item in project.previewed(stack) if item.get("protect")]
    found = {item["inputs"]["metadata"]["name"] for item in kept if item["type"].startswith("kubernetes:")}
    assert found == protected, "a destroy would take every utterance with it"
    on_aws = {kind(item) for item in kept if item["type"].startswith("aws:")}
    assert ("FileSystem" in on_aws) == bool(protected)


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_account_is_listed_too(project: Project, stack: str) -> None:
    project.stack(stack)
    resources = project.previewed(stack)
    listed = Counter(kind(item) for item in resources if item["type"].startswith("aws:"))
    zones = {"dev": 2, "prod": 3}[stack]
    assert listed["Vpc"] == listed["Cluster"] == listed["LoadBalancer"] == 1
    assert listed["NodeGroup"] == 2, "the edge's and the GPUs'"
    assert listed["Subnet"] == 2 * zones
    assert listed["NatGateway"] == {"dev": 1, "prod": 3}[stack], "one is cheap, one a zone outlives a zone"
    (pool,) = [item for item in resources if item["urn"].endswith("::aws-gpu-nodes")]
    assert len(pool["inputs"]["subnetIds"]) == {"dev": 1, "prod": 3}[stack], (
        "dev's volume is a disk, and a pod that comes back in another zone would wait for it for ever"
    )
    assert names(resources, "StorageClass") == {{"dev": "tts-ebs-gp3", "prod": "tts-efs"}[stack]}


def test_the_snapshots_of_a_disk_say_whose_they_are(project: Project) -> None:
    project.stack("dev", {"owner": "the team"})
    (found,) = [item for item in project.previewed("dev") if kind(item) == "VolumeSnapshotClass"]
    assert found["inputs"]["driver"] == "ebs.csi.aws.com"
    assert set(found["inputs"]["parameters"].values()) == {
        "project=tts-platform",
        "stack=dev",
        "owner=the team",
    }, "the driver gives a snapshot none of its disk's tags"


def test_without_aws_there_is_none_of_it(project: Project) -> None:
    project.stack("local")
    assert not [item for item in project.previewed("local") if item["type"].startswith("aws:")]


@pytest.mark.parametrize(
    ("stack", "issuers"), [("local", {"self-signed", "in-cluster-ca"}), ("dev", {"acme"}), ("prod", {"acme"})]
)
def test_each_stack_has_its_issuer(project: Project, stack: str, issuers: set[str]) -> None:
    project.stack(stack)
    assert names(project.previewed(stack), "ClusterIssuer") == issuers


def test_everything_goes_through_the_one_cluster(project: Project) -> None:
    project.stack("local")
    providers = Counter(
        item["provider"].split("::")[-2]
        for item in project.previewed("local")
        if item["type"].startswith("kubernetes:")
    )
    assert list(providers) == ["cluster"], "a default provider is whatever context happens to be current"


def test_instances_depend_on_their_controllers(project: Project) -> None:
    project.stack("local")
    parents = {item["urn"]: item for item in project.previewed("local")}

    def needs(urn: str) -> set[str]:
        """Names of all that must be there before `urn`, and go after it."""
        found: set[str] = set()
        waiting = [urn]
        while waiting:
            item = parents[waiting.pop()]
            for before in [*item.get("dependencies", []), *([item["parent"]] if "parent" in item else [])]:
                if before in parents and before not in found:
                    found.add(before)
                    waiting.append(before)
        return {item.split("::")[-1] for item in found}

    kinds = (
        "cert-manager.io/v1:Certificate",
        "cert-manager.io/v1:ClusterIssuer",
        "projectcontour.io/v1:HTTPProxy",
    )
    instances = [urn for urn, item in parents.items() if item["type"].removeprefix("kubernetes:") in kinds]
    assert len(instances) == 5
    for instance in instances:
        assert "cert-manager-deployment-cert-manager-cert-manager" in needs(instance), (
            "its finalizer stays, and hangs"
        )
        assert "cert-manager-validatingwebhookconfiguration-cert-manager-webhook" in needs(instance)
    (proxy,) = [urn for urn in instances if "HTTPProxy" in urn]
    assert "contour-deployment-projectcontour-contour" in needs(proxy)


@pytest.mark.parametrize("exposure", ["host_network", "host_port", "load_balancer"])
def test_each_exposure_previews(project: Project, exposure: str) -> None:
    project.stack("local", {"exposure": exposure, "edgeCidrs": ["198.18.0.0/24"]})
    assert names(project.previewed("local"), "DaemonSet") == {"envoy"}


def test_what_git_delivers_is_not_pulumis(project: Project) -> None:
    project.stack("prod")
    resources = project.previewed("prod")
    assert names(resources, "Namespace") == {"projectcontour", "cert-manager", "argocd", "tts"}
    (home,) = [item for item in resources if item["urn"].endswith("::delivery-namespace")]
    assert home["protect"] is True, "a destroy would end the service, and only then be refused"
    assert names(resources, "Application") == names(resources, "AppProject") == {"speech"}
    assert names(resources, "StatefulSet") == {"argocd-application-controller"}
    assert "speech" not in names(resources, "Deployment") | names(resources, "HTTPProxy"), (
        "an object with two owners belongs to whoever was last"
    )
    of_the_service = {
        item["inputs"].get("metadata", {}).get("namespace")
        for item in resources
        if item["type"].startswith("kubernetes:")
    }
    assert "tts" not in of_the_service


def test_the_secrets_of_a_delivery_are_in_no_preview(project: Project) -> None:
    project.stack("prod", {"argoCdDomain": "argocd.example.com"})
    for key in ("gitToken", "webhookSecret"):
        done = project.pulumi(
            "config", "set", "--stack", "prod", "--secret", f"tts-platform:{key}", "hunter2"
        )
        assert done.code == 0, done.output
    shown = project.pulumi("preview", "--stack", "prod", "--diff")
    assert shown.code == 0, shown.output
    assert "[secret]" in shown.output
    for text in (shown.output, json.dumps(project.previewed("prod"))):
        assert "hunter2" not in text
        assert base64.b64encode(b"hunter2").decode() not in text, "as a Kubernetes Secret holds it"


STAGING = '''"""As production, and gone tomorrow."""

from dataclasses import replace
from typing import Final

from stacks.profile import Profile
from stacks.profiles.prod import PROFILE as PROD

PROFILE: Final[Profile] = replace(PROD, protect=False)
'''


def test_a_further_environment_is_one_file_and_one_yaml(project: Project) -> None:
    assert STAGING in (ROOT / "docs" / "gitops.md").read_text(encoding="utf-8"), (
        "what the page shows is what works"
    )
    own = project.directory / "own"
    shutil.copytree(project.directory / "stacks", own, ignore=shutil.ignore_patterns("__pycache__"))
    (project.directory / "stacks").unlink()
    own.rename(project.directory / "stacks")
    (project.directory / "stacks" / "profiles" / "staging.py").write_text(STAGING, encoding="utf-8")
    settings = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8"))["config"]
    keys = {key.partition(":")[2]: value for key, value in settings.items()}
    project.stack("staging", {**keys, "domain": "staging.example.com"})
    resources = project.previewed("staging")
    assert names(resources, "Application") == {"speech"}
    (application,) = [item for item in resources if kind(item) == "Application"]
    assert application["inputs"]["spec"]["source"]["path"] == "manifests/staging"
    assert not [item for item in resources if item.get("protect")], (
        "its own profile says so, not production's"
    )
    shutil.copytree(ROOT / "ops", project.directory / "ops", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "ops", "render", "staging"]
    done = subprocess.run(command, cwd=project.directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    claim = project.directory / "manifests/staging/persistentvolumeclaim-outputs.yaml"
    assert "Delete=false" not in claim.read_text(encoding="utf-8")
