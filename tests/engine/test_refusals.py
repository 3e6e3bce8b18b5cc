"""Bad settings through the real `pulumi preview`: a message, no traceback, a failure, and the state as it was."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.project import Finished, Project

DIRECT = {"delivery": "direct", "gitRepository": None}
WITHOUT_AWS = dict.fromkeys(
    ("awsRegion", "owner", "zones", "apiCidrs", "gpuInstanceTypes", "gpuNodes", "gpuNodesMax")
)

REFUSED: list[tuple[Mapping[str, Any], str]] = [
    ({"image": "acme/cosyvoice:latest"}, "can change under a running service"),
    ({"image": "acme/cosyvoice:main"}, "can change under a running service"),
    ({"image": "acme/cosyvoice"}, "can change under a running service"),
    ({"domain": "not a domain"}, "is not a domain name"),
    ({"outputsSize": "lots"}, "is not a storage size"),
    ({"memoryRequest": "64Gi"}, "is above the limit of 16Gi"),
    ({"cpuRequest": 8}, "is above the limit of 4"),
    ({"gpusPerPod": 0}, "whole GPUs or none"),
    ({"gpusPerPod": 0.5}, "whole GPUs or none"),
    ({"gpusPerPod": -1}, "whole GPUs or none"),
    ({"replica": 2}, "Did you mean replicas?"),
    ({"engine": "cosyvoyce"}, "is not an engine that has a profile"),
    ({"accessMode": "ReadWriteOnce"}, "cannot mount one ReadWriteOnce volume"),
    ({"accessMode": "ReadWriteOnce", "replicas": 1}, "cannot finish"),
    ({"exposure": "host_network"}, "NetworkPolicy has to name it"),
    ({"edgeCidrs": ["0.0.0.0/0"]}, "past Envoy"),
    ({"acmeEmail": None}, "wants an address"),
    ({"domain": None}, "Every stack sets this key itself"),
]


def refused(finished: Finished, stack: str, reason: str) -> None:
    assert finished.code != 0, finished.output
    assert f"Pulumi.{stack}.yaml: " in finished.output
    assert reason in finished.output
    assert "Traceback" not in finished.output
    assert "kubernetes:" not in finished.output, "something was registered before the refusal"


@pytest.mark.parametrize(("changes", "reason"), REFUSED, ids=[str(row[0]) for row in REFUSED])
def test_refused(project: Project, changes: Mapping[str, Any], reason: str) -> None:
    project.stack("prod", changes)
    before = project.snapshot()
    refused(project.preview("prod"), "prod", reason)
    assert project.snapshot() == before


def test_all_problems_at_once(project: Project) -> None:
    project.stack(
        "prod", {"image": "acme/cosyvoice:latest", "gpusPerPod": 0, "domain": "x", "acessMode": "y"}
    )
    output = project.preview("prod").output
    assert "Pulumi.prod.yaml: 4 problems" in output
    for key in ("image", "gpusPerPod", "domain", "acessMode"):
        assert f"tts-platform:{key} " in output


def test_a_stack_without_a_profile(project: Project) -> None:
    project.stack("qa")
    refused(project.preview("qa"), "qa", "Select one of dev, local, prod")


def test_an_update_without_a_cluster(project: Project) -> None:
    project.stack("prod", WITHOUT_AWS)
    finished = project.pulumi("up", "--yes", "--skip-preview", "--stack", "prod")
    refused(finished, "prod", "names no cluster yet")


def test_an_update_does_not_fall_back_to_the_current_context(project: Project) -> None:
    kube = project.directory / ".kube"
    kube.mkdir()
    (kube / "config").write_text("current-context: other\n", encoding="utf-8")
    project.stack("prod", WITHOUT_AWS)
    finished = project.pulumi("up", "--yes", "--skip-preview", "--stack", "prod")
    refused(finished, "prod", "names no cluster yet")


def test_a_volume_smaller_than_the_one_that_is_there(project: Project) -> None:
    project.stack("prod", WITHOUT_AWS | {"outputsSize": "100Gi"})
    imported = project.pulumi("stack", "import", "--stack", "prod", stdin=json.dumps(deployed("200Gi")))
    assert imported.code == 0, imported.output
    before = project.snapshot()
    refused(project.preview("prod"), "prod", "is smaller than the volume that is there (200Gi)")
    assert project.snapshot() == before


def kubeconfig(project: Project, server: str) -> str:
    """A file with the contexts dev and prod, both of one cluster."""
    file = project.directory / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [{"name": name, "context": {"cluster": "it", "user": "me"}} for name in ("dev", "prod")],
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {}}],
    }
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(file)


def test_a_server_other_than_the_one_that_has_the_objects(project: Project) -> None:
    there = WITHOUT_AWS | {"kubeconfig": kubeconfig(project, "https://127.0.0.1:2"), "kubeContext": "prod"}
    project.stack("prod", there | DIRECT)
    imported = project.pulumi("stack", "import", "--stack", "prod", stdin=json.dumps(deployed("200Gi")))
    assert imported.code == 0, imported.output
    before = project.snapshot()
    refused(project.preview("prod"), "prod", "write clusterServer: https://127.0.0.1:2")
    assert project.snapshot() == before


def test_a_delivery_from_git_for_a_service_that_is_pulumis(project: Project) -> None:
    project.stack("prod")
    imported = project.pulumi("stack", "import", "--stack", "prod", stdin=json.dumps(deployed("200Gi")))
    assert imported.code == 0, imported.output
    before = project.snapshot()
    refused(project.preview("prod"), "prod", "Write delivery: direct")
    assert project.snapshot() == before


def test_a_cluster_on_aws_for_objects_that_are_elsewhere(project: Project) -> None:
    project.stack("prod", DIRECT)
    imported = project.pulumi("stack", "import", "--stack", "prod", stdin=json.dumps(deployed("200Gi")))
    assert imported.code == 0, imported.output
    before = project.snapshot()
    refused(project.preview("prod"), "prod", "this stack's objects are at https://127.0.0.1:1")
    assert project.snapshot() == before


def test_an_update_with_placeholders(project: Project) -> None:
    project.stack("prod")
    finished = project.pulumi("up", "--yes", "--skip-preview", "--stack", "prod")
    refused(finished, "prod", "is a placeholder")
    assert "5 problems" in finished.output, "domain, image, e-mail address, networks, repository"
    assert "aws:" not in finished.output, "nothing is paid for"


def test_a_mistyped_context_in_a_preview(project: Project) -> None:
    file = kubeconfig(project, "https://127.0.0.1:1")
    project.stack("prod", WITHOUT_AWS | {"kubeconfig": file, "kubeContext": "pord"})
    refused(project.preview("prod"), "prod", "Write one that is: dev, prod.")


def test_a_choice_of_contexts_in_a_preview(project: Project) -> None:
    file = project.directory / ".local/state/tts-platform/clusters/default/kubeconfig"
    file.parent.mkdir(parents=True)
    Path(kubeconfig(project, "https://127.0.0.1:1")).rename(file)
    project.stack("local")
    refused(project.preview("local"), "local", "has 2 contexts (dev, prod)")


def test_a_named_kubeconfig_that_is_not_there_in_a_preview(project: Project) -> None:
    project.stack("prod", WITHOUT_AWS | {"kubeconfig": "/does/not/exist"})
    refused(project.preview("prod"), "prod", "does not exist")


@pytest.mark.parametrize(
    ("key", "arguments"), [("domain", ("domain",)), ("inference", ("--path", "inference.API_KEY"))]
)
def test_a_secret(project: Project, key: str, arguments: tuple[str, ...]) -> None:
    project.stack("prod")
    *options, name = arguments
    written = project.pulumi(
        "config", "set", "--stack", "prod", "--secret", *options, f"tts-platform:{name}", "hunter2"
    )
    assert written.code == 0, written.output
    finished = project.preview("prod")
    refused(finished, "prod", f"tts-platform:{key} is encrypted here")
    assert "1 problem\n" in finished.output
    assert "hunter2" not in finished.output


def test_an_upstream_that_is_not_what_was_pinned(project: Project, tmp_path: Path) -> None:
    manifest = tmp_path / "mirror/projectcontour/contour/v1.33.8/examples/render/contour.yaml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("kind: Namespace\n", encoding="utf-8")
    project.stack("local", {"upstreamDir": str(tmp_path / "mirror")})
    finished = project.preview("local")
    assert finished.code != 0
    assert "is not projectcontour/contour v1.33.8 as pinned" in finished.output
    assert "Traceback" not in finished.output


def deployed(size: str, name: str = "prod", server: str = "https://127.0.0.1:1") -> dict[str, Any]:
    """A state in which an update has made the outputs' claim."""
    prefix = f"urn:pulumi:{name}::tts-platform"
    stack, provider = (
        f"{prefix}::pulumi:pulumi:Stack::tts-platform-{name}",
        f"{prefix}::pulumi:providers:kubernetes::cluster",
    )
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "outputs", "namespace": "tts"},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": size}}},
    }
    return {
        "version": 3,
        "deployment": {
            "manifest": {"time": "2025-01-01T00:00:00Z", "magic": "", "version": ""},
            "resources": [
                {"urn": stack, "custom": False, "type": "pulumi:pulumi:Stack"},
                {
                    "urn": provider,
                    "custom": True,
                    "id": "cluster",
                    "type": "pulumi:providers:kubernetes",
                    "parent": stack,
                },
                {
                    "urn": f"{prefix}::tts-platform:cluster:Record::cluster-record",
                    "custom": False,
                    "type": "tts-platform:cluster:Record",
                    "outputs": {"server": server},
                    "parent": stack,
                },
                {
                    "urn": f"{prefix}::kubernetes:core/v1:PersistentVolumeClaim::tts-storage-outputs",
                    "custom": True,
                    "id": "tts/outputs",
                    "type": "kubernetes:core/v1:PersistentVolumeClaim",
                    "inputs": claim,
                    "outputs": claim,
                    "parent": stack,
                    "provider": f"{provider}::cluster",
                },
            ],
        },
    }
