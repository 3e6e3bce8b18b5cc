"""cert-manager, from its chart in the tree of its tag.

Its hooks are dropped on purpose: `startupapicheck` waits for the webhook, and here the webhook's configuration itself
is waited for, so that nothing that needs the webhook is made before it answers.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import yaml

from components.hardening import restricted_namespace
from components.nodes import EDGE_NODE_SELECTOR
from components.upstream.chart import Chart, render, renderer
from components.upstream.images import use_registry
from components.upstream.install import install
from components.upstream.objects import Change, Drop, KubernetesObject, transform
from components.upstream.pin import Upstream
from components.upstream.source import UpstreamStore

NAMESPACE = "cert-manager"

_RESOURCES = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
_CAINJECTOR_RESOURCES = {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}}

# Only values that charts of 1.11 and of 1.21 both know: the newer one refuses any that it does not.
_VALUES: dict[str, Any] = {
    # The default, kube-system, would be left with a lease of ours after a destroy.
    "global": {"leaderElection": {"namespace": NAMESPACE}},
    "resources": _RESOURCES,
    "nodeSelector": EDGE_NODE_SELECTOR,
    "webhook": {"resources": _RESOURCES, "nodeSelector": EDGE_NODE_SELECTOR},
    "cainjector": {"resources": _CAINJECTOR_RESOURCES, "nodeSelector": EDGE_NODE_SELECTOR},
}

_STARTUP_CHECK = "cert-manager-startupapicheck"


@dataclass(frozen=True, kw_only=True)
class CertManagerArgs:
    """What an environment decides about cert-manager."""

    upstream: Upstream
    """The `deploy` directory of a tag."""

    store: UpstreamStore
    kubernetes_version: str
    image_registry: str | None = None
    """A mirror of the images' registries."""


class CertManager(pulumi.ComponentResource):
    """The controller, the webhook, the CA injector, and their CRDs. Ready when the webhook answers."""

    namespace: pulumi.Output[str]
    """Where cert-manager runs, and where a ClusterIssuer looks for its secrets."""

    def __init__(self, name: str, args: CertManagerArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:certmanager:CertManager", name, None, opts)

        objects = transform(self._render(name, args), _changes())
        if args.image_registry:
            use_registry(objects, args.image_registry)
        install(name, [_namespace(), *objects], self)

        self.namespace = pulumi.Output.from_input(NAMESPACE)
        self.register_outputs({"namespace": self.namespace})

    def _render(self, name: str, args: CertManagerArgs) -> list[KubernetesObject]:
        with _chart_directory(args.store.locate(args.upstream), args.upstream.tag) as directory:
            chart = Chart(
                directory=directory,
                release=NAMESPACE,
                namespace=NAMESPACE,
                values=_VALUES,
                kubernetes_version=args.kubernetes_version,
            )
            return render(chart, renderer(f"{name}-renderer", self))


@contextmanager
def _chart_directory(sources: Path, tag: str) -> Iterator[Path]:
    """The chart as a release would package it: with a version, and with the CRDs among its templates.

    The CRDs come from beside the chart. So it does not matter that the switch for the chart's own copies was renamed
    between versions (`installCRDs`, `crds.enabled`), and that older trees have none.
    """
    with tempfile.TemporaryDirectory(prefix="cert-manager-chart-") as temporary:
        directory = Path(temporary) / "cert-manager"
        shutil.copytree(sources / "charts" / "cert-manager", directory)
        shutil.copytree(
            sources / "crds",
            directory / "templates" / "crds",
            ignore=shutil.ignore_patterns("*.md", "kustom*"),
        )
        # Named so in trees from before the chart was released straight from the source.
        template = directory / "Chart.template.yaml"
        source = template if template.exists() else directory / "Chart.yaml"
        metadata = yaml.safe_load(source.read_text(encoding="utf-8"))
        metadata.update({"version": tag, "appVersion": tag})
        (directory / "Chart.yaml").write_text(yaml.safe_dump(metadata), encoding="utf-8")
        yield directory


def _changes() -> list[Change | Drop]:
    return [
        Drop(kind="Job", name=_STARTUP_CHECK),
        Drop(kind="ServiceAccount", name=_STARTUP_CHECK),
        Drop(kind="Role", name=f"{_STARTUP_CHECK}:create-cert"),
        Drop(kind="RoleBinding", name=f"{_STARTUP_CHECK}:create-cert"),
        Change(kind="ValidatingWebhookConfiguration", name="cert-manager-webhook", apply=_await_ca_bundle),
        Change(kind="MutatingWebhookConfiguration", name="cert-manager-webhook", apply=_await_ca_bundle),
    ]


def _await_ca_bundle(configuration: KubernetesObject) -> None:
    # The CA injector writes it once the webhook has made its certificate. Until then the API server trusts no answer
    # of the webhook, and refuses every Certificate and every Issuer.
    annotations = configuration["metadata"].setdefault("annotations", {})
    annotations["pulumi.com/waitFor"] = "jsonpath={.webhooks[0].clientConfig.caBundle}"


def _namespace() -> KubernetesObject:
    # Whoever runs a pod here can read the keys of every certificate.
    return restricted_namespace(NAMESPACE)
