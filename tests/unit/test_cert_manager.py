"""cert-manager's objects after our changes; Helm itself is the engine tests' matter."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.cert_manager import CertManager, CertManagerArgs, _chart_directory
from components.upstream.objects import KubernetesObject
from components.upstream.pin import Upstream
from components.upstream.source import UpstreamStore
from stacks.versions import CERT_MANAGER, CERT_MANAGER_FROM_SOURCE, KUBERNETES
from tests.support.recording import Recording, record


def item(kind: str, name: str, api_version: str, **body: Any) -> KubernetesObject:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "cert-manager"},
        **body,
    }


RENDERED = [
    item("Job", "cert-manager-startupapicheck", "batch/v1"),
    item("ServiceAccount", "cert-manager-startupapicheck", "v1"),
    item("Role", "cert-manager-startupapicheck:create-cert", "rbac.authorization.k8s.io/v1"),
    item("RoleBinding", "cert-manager-startupapicheck:create-cert", "rbac.authorization.k8s.io/v1"),
    item("ValidatingWebhookConfiguration", "cert-manager-webhook", "admissionregistration.k8s.io/v1"),
    item("MutatingWebhookConfiguration", "cert-manager-webhook", "admissionregistration.k8s.io/v1"),
]


def cert_manager() -> Recording:
    args = CertManagerArgs(upstream=CERT_MANAGER, store=UpstreamStore(), kubernetes_version=KUBERNETES)

    def program() -> None:
        CertManager("cert-manager", args)

    return record(program, {"kubernetes:helm:template": {"result": yaml.safe_load(yaml.safe_dump(RENDERED))}})


def test_hooks_are_not_installed_as_if_they_were_objects() -> None:
    recording = cert_manager()
    assert not recording.objects("Job")
    assert not recording.objects("RoleBinding")


@pytest.mark.parametrize("kind", ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"])
def test_the_webhook_is_waited_for(kind: str) -> None:
    annotations = cert_manager().object(kind, "cert-manager-webhook")["metadata"]["annotations"]
    assert "caBundle" in annotations["pulumi.com/waitFor"], "the first Certificate would be refused"


def test_its_namespace_comes_with_it() -> None:
    assert cert_manager().object("Namespace", "cert-manager")


@pytest.mark.parametrize(
    "upstream", [CERT_MANAGER, CERT_MANAGER_FROM_SOURCE], ids=lambda upstream: upstream.tag
)
def test_a_chart_is_assembled_from_either_layout(upstream: Upstream) -> None:
    with _chart_directory(UpstreamStore().locate(upstream), upstream.tag) as directory:
        metadata = yaml.safe_load((directory / "Chart.yaml").read_text(encoding="utf-8"))
        assert metadata["version"] == metadata["appVersion"] == upstream.tag
        assert len(list((directory / "templates" / "crds").iterdir())) == 6
        kept = Path(directory)
    assert not kept.exists()
