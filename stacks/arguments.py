"""What each component is given in a stack: the one place where settings meet the components' arguments."""

from pathlib import Path
from typing import TYPE_CHECKING

from components.cert_manager import CertManagerArgs
from components.cluster import ClusterArgs
from components.contour import ContourArgs
from components.issuer import AcmeIssuer, InClusterCa, IssuerKind
from components.tts.service import TtsServiceArgs
from components.tts.storage import Volume
from components.upstream.source import UpstreamStore
from stacks import versions
from stacks.kubeconfig import Cluster
from stacks.settings import Stack

if TYPE_CHECKING:
    from pulumi import Input


def cluster(found: Cluster | None) -> ClusterArgs | None:
    """The connection; None while there is no cluster yet."""
    if found is None:
        return None
    return ClusterArgs(kubeconfig=found.kubeconfig, context=found.context, server=found.server)


def contour(stack: Stack) -> ContourArgs:
    """The edge."""
    return ContourArgs(
        upstream=versions.CONTOUR,
        store=_store(stack),
        exposure=stack.settings.exposure,
        replicas=stack.profile.contour_replicas,
        image_registry=stack.settings.image_registry,
    )


def cert_manager(stack: Stack) -> CertManagerArgs:
    """Certificates' controller."""
    return CertManagerArgs(
        upstream=stack.profile.cert_manager,
        store=_store(stack),
        kubernetes_version=versions.KUBERNETES,
        image_registry=stack.settings.image_registry,
    )


def issuer(stack: Stack) -> IssuerKind:
    """Certificates' signer."""
    directory, email = stack.acme_directory, stack.settings.acme_email
    if directory is None or email is None:
        return InClusterCa()
    return AcmeIssuer(server=directory, email=email, ca=stack.settings.acme_ca)


def tts_service(stack: Stack, issuer_name: "Input[str]") -> TtsServiceArgs:
    """The speech service."""
    settings = stack.settings
    return TtsServiceArgs(
        namespace=settings.namespace,
        engine=stack.engine,
        image=settings.image,
        arguments=settings.args,
        settings=settings.inference,
        replicas=settings.replicas,
        gpus=settings.gpus_per_pod,
        rollout=settings.rollout,
        outputs=_volume(stack, settings.outputs_size),
        weights=_volume(stack, settings.weights_size) if settings.weights_size else None,
        protect=stack.profile.protect,
        domain=settings.domain,
        issuer_name=issuer_name,
        acme=stack.acme_directory is not None,
        exposure=settings.exposure,
        edge_cidrs=settings.edge_cidrs,
    )


def _store(stack: Stack) -> UpstreamStore:
    directory = stack.settings.upstream_dir
    return UpstreamStore(directory=Path(directory).expanduser() if directory else None)


def _volume(stack: Stack, size: str) -> Volume:
    return Volume(
        size=size, access_mode=stack.settings.access_mode, storage_class=stack.settings.storage_class
    )
