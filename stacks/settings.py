"""A stack's settings: typed, frozen, and complete. `stacks.load` makes them, and refuses what cannot be."""

from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from components.edge import Exposure, authority
from components.tts.engine import Engine, Resources
from components.tts.rollout import Rollout
from stacks.aws_settings import AwsSettings
from stacks.choices import ACME_DIRECTORIES, AccessMode, Delivery, Issuer, Snapshots
from stacks.custom_engine import CustomEngine
from stacks.engines import CUSTOM, ENGINES
from stacks.ephemeral_settings import EphemeralSettings
from stacks.gitops_settings import GitOpsSettings
from stacks.profile import Profile
from stacks.snapshot_values import DriverName, Handle, Kept, Minutes, RestoreFrom, Schedule, TimeZone
from stacks.values import (
    AcmeDirectory,
    Cpu,
    Domain,
    EdgeCidr,
    Email,
    Flag,
    Gpus,
    HomePath,
    Image,
    Memory,
    NamespaceName,
    Pem,
    Port,
    Registry,
    ServerUrl,
    StorageSize,
    Text,
    Variable,
    Whole,
)


@dataclass(frozen=True, kw_only=True)
class ExistingClaim:
    """A volume claim as the last update left it."""

    size: str
    access_mode: str
    storage_class: str | None
    """As the cluster filled it in."""

    asked_class: str | None
    """As it was asked for, "" being the cluster's default. None where the claim does not say."""

    namespace: str


class StackSettings(BaseModel):
    """Every config key, under its own name in snake case. Pulumi.yaml says what each is for."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    domain: Domain
    engine: Text
    image: Image
    replicas: Whole
    gpus_per_pod: Gpus
    outputs_size: StorageSize
    weights_size: StorageSize | None = None
    access_mode: AccessMode
    storage_class: Text | None = None
    rollout: Rollout
    args: tuple[Text, ...] = ()
    inference: dict[Variable, Text] = Field(default_factory=dict)
    custom_engine: CustomEngine | None = None
    cpu_request: Cpu | None = None
    cpu_limit: Cpu | None = None
    memory_request: Memory | None = None
    memory_limit: Memory | None = None
    issuer: Issuer
    acme_email: Email | None = None
    acme_server: AcmeDirectory | None = None
    acme_ca: Pem | None = None
    exposure: Exposure
    edge_cidrs: tuple[EdgeCidr, ...] = ()
    https_port: Port
    namespace: NamespaceName
    deletion_protection: Flag
    cert_manager_version: Text
    snapshots: Snapshots
    snapshot_driver: DriverName | None = None
    snapshot_schedule: Schedule
    snapshot_time_zone: TimeZone
    snapshots_kept: Kept
    snapshot_minutes: Minutes
    snapshot_image: Image
    restore_from: RestoreFrom | None = None
    weights_from: Handle | None = None
    outputs_from: Handle | None = None
    delivery: Delivery
    kubeconfig: HomePath | None = None
    kube_context: Text | None = None
    cluster_server: ServerUrl | None = None
    image_registry: Registry | None = None
    upstream_dir: HomePath | None = None


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One environment: what a person set, and the shape that its profile gives it."""

    name: str
    profile: Profile
    settings: StackSettings
    aws: AwsSettings | None
    """None: the stack uses no AWS at all, and its cluster is one that a kubeconfig names."""

    gitops: GitOpsSettings | None
    """None: Pulumi puts the service onto the cluster itself."""

    ephemeral: EphemeralSettings | None = None
    """None: the stack has a platform of its own, and no end."""

    @property
    def engine(self) -> Engine:
        """The engine's profile, with this stack's resources."""
        return engine_of(self.settings)

    @property
    def acme_directory(self) -> str | None:
        """The ACME server's URL; None where the CA is in the cluster."""
        return ACME_DIRECTORIES.get(self.settings.issuer, self.settings.acme_server)

    @property
    def authority(self) -> str:
        """Host, and port where it is not the scheme's own."""
        return authority(self.settings.domain, self.settings.https_port)


def engine_of(settings: StackSettings) -> Engine:
    """The engine that `settings` choose, with the resources that they override."""
    if settings.engine == CUSTOM and settings.custom_engine is not None:
        engine = settings.custom_engine.profile()
    else:
        engine = ENGINES[settings.engine]
    return replace(engine, resources=_overridden(engine.resources, settings))


def _overridden(resources: Resources, settings: StackSettings) -> Resources:
    return Resources(
        cpu_request=settings.cpu_request or resources.cpu_request,
        cpu_limit=settings.cpu_limit or resources.cpu_limit,
        memory_request=settings.memory_request or resources.memory_request,
        memory_limit=settings.memory_limit or resources.memory_limit,
    )
