"""What each component is given in a stack: the one place where settings meet the components' arguments."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi import Output
from pydantic import SecretStr

from components.argo_access import OidcSignIn
from components.argo_cd import ArgoCdArgs
from components.argo_secrets import GitCredential
from components.cert_manager import CertManagerArgs
from components.cluster import ClusterArgs
from components.contour import ContourArgs
from components.delivery import DeliveryArgs
from components.device_plugin import DevicePluginArgs
from components.ebs_snapshot_tags import ebs_snapshot_tags
from components.eks_addon import Addon
from components.issuer import AcmeIssuer, InClusterCa, IssuerKind
from components.issuer import issuer_name as name_of_issuer
from components.snapshot_class import SnapshotClassArgs, snapshot_class_name
from components.storage_backend import (
    EBS_DRIVER,
    EBS_STORAGE_CLASS,
    EFS_STORAGE_CLASS,
    Provisioning,
    StorageBackend,
    outputs_volume_name,
)
from components.subnets import ExistingNetwork
from components.tts.namespace import SERVICE_ACCOUNT, SpeechNamespaceArgs
from components.tts.restorable import Asked
from components.tts.rollout import OUTPUTS_CLAIM, WEIGHTS_CLAIM
from components.tts.seed import SeedArgs
from components.tts.service import TtsServiceArgs
from components.tts.snapshots import SnapshotPlan
from components.tts.storage import Volume
from components.tts.sync_waves import KINDS
from components.upstream.images import mirrored
from components.upstream.source import UpstreamStore
from stacks import versions
from stacks.aws_settings import AwsSettings
from stacks.choices import Snapshots
from stacks.ephemeral_arguments import claimed, quota
from stacks.gitops_settings import GitOpsSettings
from stacks.kubeconfig import Cluster
from stacks.problems import NAMESPACE
from stacks.settings import Stack, StackSettings

if TYPE_CHECKING:
    from pulumi import Input

    from components.aws_platform import AwsPlatformArgs
    from components.network import NetworkArgs
    from components.snapshot_copies import SnapshotCopiesArgs


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
        load_balancer=stack.aws.client_address if stack.aws else None,
        image_registry=stack.settings.image_registry,
    )


def cert_manager(stack: Stack) -> CertManagerArgs:
    """Certificates' controller."""
    return CertManagerArgs(
        upstream=versions.CERT_MANAGERS[stack.settings.cert_manager_version],
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


def issuer_name(stack: Stack) -> str:
    """What the signer is called."""
    return name_of_issuer(issuer(stack))


def provisioning(stack: Stack) -> Provisioning:
    """Where the volumes come from, by the names alone: a manifest is rendered without an account."""
    if stack.aws is None:
        return Provisioning(storage_class=stack.settings.storage_class)
    match stack.aws.storage:
        case StorageBackend.EBS:
            return Provisioning(storage_class=EBS_STORAGE_CLASS)
        case StorageBackend.EFS:
            return Provisioning(storage_class=EFS_STORAGE_CLASS)
        case StorageBackend.S3:
            return Provisioning(volume_name=outputs_volume_name(stack.settings.namespace))


def snapshot_class(stack: Stack) -> SnapshotClassArgs | None:
    """How the volumes are snapshot; None where they are not."""
    driver = _snapshot_driver(stack)
    if driver is None:
        return None
    return SnapshotClassArgs(
        namespace=stack.settings.namespace,
        driver=driver,
        keep=stack.profile.protect,
        parameters=ebs_snapshot_tags(_tags(stack, stack.aws)) if stack.aws else {},
    )


def _snapshot_driver(stack: Stack) -> str | None:
    if stack.settings.snapshots is Snapshots.NONE:
        return None
    return EBS_DRIVER if stack.aws is not None else stack.settings.snapshot_driver


def tts_service(
    stack: Stack,
    issuer_name: "Input[str]",
    volumes: Provisioning,
    failed_job: str | None = None,
    connection: ClusterArgs | None = None,
) -> TtsServiceArgs:
    """The speech service, with volumes of the platform's or of a name.

    `failed_job` is the uid of a failed snapshot, and `connection` leads to the cluster that says what can be restored.
    """
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
        outputs=_volume(stack, settings.outputs_size, volumes),
        weights=_volume(stack, settings.weights_size, volumes) if settings.weights_size else None,
        restore=settings.restore_from,
        restore_asked=Asked(cluster=connection, stack=stack.name) if connection else None,
        seeds=_seeds(stack),
        snapshots=_snapshots(stack, failed_job),
        recorded=recorded(stack) if _snapshot_driver(stack) else None,
        quota=quota(stack) if stack.ephemeral else None,
        namespace_labels=claimed(stack.ephemeral) if stack.ephemeral else {},
        protect=settings.deletion_protection,
        domain=settings.domain,
        issuer_name=issuer_name,
        acme=stack.acme_directory is not None,
        exposure=settings.exposure,
        edge_cidrs=settings.edge_cidrs,
    )


def _snapshots(stack: Stack, failed_job: str | None) -> SnapshotPlan | None:
    # An ephemeral stack may begin with a snapshot, and takes none.
    if _snapshot_driver(stack) is None or stack.ephemeral is not None:
        return None
    settings = stack.settings
    return SnapshotPlan(
        stack=stack.name,
        snapshot_class=snapshot_class_name(settings.namespace),
        schedule=settings.snapshot_schedule,
        time_zone=settings.snapshot_time_zone,
        kept=settings.snapshots_kept,
        image=_snapshot_image(settings),
        seconds=settings.snapshot_minutes * 60,
        after=failed_job,
    )


def _snapshot_image(settings: StackSettings) -> str:
    """The mirror has what is pinned here. An image that a person names is where they say."""
    if settings.image_registry is None or settings.snapshot_image != versions.PYTHON:
        return settings.snapshot_image
    return mirrored(settings.snapshot_image, settings.image_registry)


def recorded(stack: Stack) -> str:
    """The keys that make the model's environment, as JSON: what a restore can put back together with the data."""
    made = stack.settings.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    chosen = {key: made[key] for key in ENVIRONMENT if key in made}
    return json.dumps(chosen, sort_keys=True, ensure_ascii=False)


ENVIRONMENT = ("image", "engine", "args", "inference", "customEngine")
"""The keys that a snapshot records, and that a restore puts back with it."""


def _seeds(stack: Stack) -> dict[str, SeedArgs]:
    driver, namespace = _snapshot_driver(stack), stack.settings.namespace
    handles = {OUTPUTS_CLAIM: stack.settings.outputs_from, WEIGHTS_CLAIM: stack.settings.weights_from}
    return {
        volume: SeedArgs(
            content_name=f"{namespace}-{volume}-seed",
            volume=volume,
            handle=handle,
            driver=driver,
            snapshot_class=snapshot_class_name(namespace),
        )
        for volume, handle in handles.items()
        if handle is not None and driver is not None
    }


def argo_cd(stack: Stack, gitops: GitOpsSettings, issuer_name: "Input[str]") -> ArgoCdArgs:
    """What delivers the service from git."""
    return ArgoCdArgs(
        upstream=versions.ARGO_CD_HA if gitops.argo_cd_ha else versions.ARGO_CD,
        store=_store(stack),
        image_registry=stack.settings.image_registry,
        domain=gitops.argo_cd_domain,
        https_port=stack.settings.https_port,
        issuer_name=issuer_name,
        acme=stack.acme_directory is not None,
        exposure=stack.settings.exposure,
        edge_cidrs=stack.settings.edge_cidrs,
        # In production an account that nobody has is nobody's to lose, once people sign in as themselves.
        admin=not (stack.profile.protect and gitops.oidc_issuer),
        oidc=_sign_in(gitops),
        deployers=gitops.deployers,
        repository=_git_credential(gitops),
        webhook_secret=_secret(gitops.webhook_secret),
        poll_seconds=gitops.git_poll_seconds,
        notifications=gitops.argo_cd_notifications,
    )


def delivery(stack: Stack, gitops: GitOpsSettings, argo_cd_namespace: "Input[str]") -> DeliveryArgs:
    """Which directory of git the service is."""
    return DeliveryArgs(
        argo_cd_namespace=argo_cd_namespace,
        repository_url=gitops.git_repository,
        revision=gitops.git_revision,
        path=f"manifests/{stack.name}",
        home=SpeechNamespaceArgs(
            name=stack.settings.namespace,
            engine=stack.engine,
            protect=stack.settings.deletion_protection,
        ),
        kinds=KINDS,
    )


def _sign_in(gitops: GitOpsSettings) -> OidcSignIn | None:
    secret = _secret(gitops.oidc_client_secret)
    if gitops.oidc_issuer is None or gitops.oidc_client_id is None or secret is None:
        return None
    return OidcSignIn(issuer=gitops.oidc_issuer, client_id=gitops.oidc_client_id, client_secret=secret)


def _git_credential(gitops: GitOpsSettings) -> GitCredential | None:
    token, key = _secret(gitops.git_token), _secret(gitops.git_ssh_key)
    if token is None and key is None:
        return None
    return GitCredential(url=gitops.git_repository, token=token, ssh_key=key)


def _secret(value: SecretStr | None) -> "Output[str] | None":
    """As Pulumi keeps it: encrypted in the state, and never printed."""
    return None if value is None else Output.secret(value.get_secret_value())


def _store(stack: Stack) -> UpstreamStore:
    directory = stack.settings.upstream_dir
    return UpstreamStore(directory=Path(directory).expanduser() if directory else None)


def _volume(stack: Stack, size: str, volumes: Provisioning) -> Volume:
    return Volume(
        size=size,
        access_mode=stack.settings.access_mode,
        storage_class=volumes.storage_class,
        volume_name=volumes.volume_name,
    )


def aws_platform(stack: Stack, aws: AwsSettings, own_addons: frozenset[str]) -> "AwsPlatformArgs":
    """The account's half of the stack; `own_addons` are those in the stack's state."""
    # Slow to import, and only stacks on AWS need it.
    from components.aws_platform import AwsPlatformArgs
    from components.edge_node_group import EdgeNodes

    settings, name = stack.settings, _cluster_name(stack, aws)
    return AwsPlatformArgs(
        settled=settled(aws),
        region=aws.aws_region,
        tags=_tags(stack, aws),
        network=_network(aws),
        cluster_name=name,
        cluster_exists=aws.eks_cluster is not None,
        kubernetes_version=aws.kubernetes_version,
        supported_versions=frozenset(versions.EKS),
        service_cidr=aws.service_cidr,
        api_cidrs=aws.api_cidrs,
        admins=aws.cluster_admins,
        addons=_addons(aws),
        own_addons=own_addons,
        edge=EdgeNodes(instance_types=aws.edge_instance_types, nodes=aws.edge_nodes),
        gpu_instance_types=aws.gpu_instance_types,
        gpu_capacity=aws.gpu_capacity,
        gpu_nodes=aws.gpu_nodes,
        gpu_nodes_min=aws.gpu_nodes_min,
        gpu_nodes_max=aws.gpu_nodes_max,
        gpu_autoscaler=aws.gpu_autoscaler,
        device_plugin=DevicePluginArgs(
            upstream=versions.DEVICE_PLUGIN, store=_store(stack), image_registry=settings.image_registry
        ),
        client_address=aws.client_address,
        cross_zone=aws.cross_zone,
        domain=settings.domain,
        dns_zone=aws.dns_zone,
        storage=aws.storage,
        snapshot_copies=_snapshot_copies(aws, name),
        outputs_size=settings.outputs_size,
        namespace=settings.namespace,
        service_account=SERVICE_ACCOUNT,
        # An engine without a user of its own runs as root.
        user=stack.engine.user or 0,
        deletion_protection=settings.deletion_protection,
        # Who can have ephemeral stacks: stacks/ephemeral_checks.py.
        names_below=not stack.profile.protect and not settings.deletion_protection,
        keep_data=stack.profile.protect,
    )


def _tags(stack: Stack, aws: AwsSettings) -> dict[str, str]:
    return {"project": NAMESPACE, "stack": stack.name, "owner": aws.owner}


def _cluster_name(stack: Stack, aws: AwsSettings) -> str:
    return aws.eks_cluster or f"{NAMESPACE}-{stack.name}"


_COPY_DAYS = 7
"""How long a copy is kept in the second region, unless a stack says otherwise."""


def _snapshot_copies(aws: AwsSettings, cluster_name: str) -> "SnapshotCopiesArgs | None":
    if not (aws.snapshot_copy_region or aws.snapshot_share_accounts or aws.snapshot_archive_months):
        return None
    from components.snapshot_copies import SnapshotCopiesArgs

    return SnapshotCopiesArgs(
        region=aws.aws_region,
        cluster_name=cluster_name,
        copy_region=aws.snapshot_copy_region,
        copy_days=_COPY_DAYS if aws.snapshot_copies_kept is None else aws.snapshot_copies_kept,
        share_accounts=aws.snapshot_share_accounts,
        archive_months=aws.snapshot_archive_months,
        kms_key=aws.snapshot_kms_key,
    )


def settled(aws: AwsSettings) -> dict[str, str]:
    """The settings that cannot change without a new cluster, by key."""
    return {
        "awsRegion": aws.aws_region,
        "eksCluster": aws.eks_cluster or "",
        "vpcId": aws.vpc_id or "",
        "vpcCidr": aws.vpc_cidr,
        "serviceCidr": aws.service_cidr,
        # The control plane stays in its zones, and the networks are counted off by them.
        "zones": ", ".join(aws.zones),
        "privateSubnetIds": ", ".join(aws.private_subnet_ids),
    }


_STORAGE_ADDONS = {
    StorageBackend.EFS: "aws-efs-csi-driver",
    StorageBackend.S3: "aws-mountpoint-s3-csi-driver",
}
"""Beside the EBS driver, which every cluster has."""


def _addons(aws: AwsSettings) -> tuple[Addon, ...]:
    unused = {addon for storage, addon in _STORAGE_ADDONS.items() if storage is not aws.storage}
    pinned = versions.EKS[aws.kubernetes_version]
    return tuple(Addon(name=name, version=version) for name, version in pinned.items() if name not in unused)


def _network(aws: AwsSettings) -> "NetworkArgs | ExistingNetwork":
    if aws.vpc_id is not None:
        return ExistingNetwork(
            vpc_id=aws.vpc_id,
            public_subnet_ids=aws.public_subnet_ids,
            private_subnet_ids=aws.private_subnet_ids,
        )
    from components.network import NetworkArgs

    return NetworkArgs(
        cidr=aws.vpc_cidr,
        region=aws.aws_region,
        zones=aws.zones,
        nat_per_zone=aws.nat_per_zone,
        flow_logs=aws.flow_logs,
    )
