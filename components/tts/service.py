"""The speech service of one environment, in a namespace of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pulumi
import pulumi_kubernetes as kubernetes

from components.edge import Exposure
from components.tts.container import PORT_NAME
from components.tts.deployment import LABELS, SpeechDeployment, SpeechDeploymentArgs
from components.tts.engine import Engine
from components.tts.namespace import SpeechNamespace, SpeechNamespaceArgs
from components.tts.network_policy import NetworkPolicies, NetworkPoliciesArgs
from components.tts.quota import Quota, QuotaArgs
from components.tts.restorable import Asked
from components.tts.restore import Restore
from components.tts.rollout import OUTPUTS_CLAIM, WEIGHTS_CLAIM, Rollout
from components.tts.route import Route, RouteArgs
from components.tts.seed import Seed, SeedArgs
from components.tts.settings import inference_settings
from components.tts.snapshots import SnapshotPlan, Snapshots, SnapshotsArgs
from components.tts.storage import Storage, StorageArgs, Volume

SERVICE_PORT = 80


@dataclass(frozen=True, kw_only=True)
class TtsServiceArgs:
    """Everything that an environment decides about its speech service."""

    namespace: str
    engine: Engine
    image: str
    arguments: tuple[str, ...]
    settings: Mapping[str, str]
    """Of the engine, added to its profile's environment."""

    replicas: int
    gpus: int
    """Per pod."""

    rollout: Rollout
    outputs: Volume
    weights: Volume | None
    restore: Restore | None = None
    """The snapshot that the volumes are made from; None mounts the first ones."""

    restore_asked: Asked | None = None
    """Who says, in a preview already, whether they can be made from it. None asks nobody."""

    recorded: str | None = None
    """The settings that make the model's environment, as JSON, to be kept with every snapshot."""

    seeds: Mapping[str, SeedArgs] = field(default_factory=dict[str, SeedArgs])
    """What the first volumes begin with, by the volume's name."""

    snapshots: SnapshotPlan | None = None
    """None takes none, neither daily nor before an upgrade."""

    quota: QuotaArgs | None = None
    """None: the service takes what there is."""

    namespace_labels: Mapping[str, str] = field(default_factory=dict[str, str])

    protect: bool
    """Whether Pulumi refuses to delete the namespace and the claims."""

    domain: str
    issuer_name: pulumi.Input[str]
    acme: bool
    """Whether the issuer is an ACME server, which looks at the domain from outside before it signs."""

    exposure: Exposure
    edge_cidrs: tuple[str, ...]


class TtsService(pulumi.ComponentResource):
    """Namespace, claims, policies, settings, pods, Service, certificate and route."""

    namespace: pulumi.Output[str]
    """Where all of it is."""

    deployment: pulumi.Output[str]
    """Name of the Deployment."""

    outputs_claim: pulumi.Output[str]
    """Name of the claim that every utterance is written to."""

    def __init__(self, name: str, args: TtsServiceArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:tts:TtsService", name, None, opts)
        self._name = name
        self._args = args
        home = self._home()
        self.namespace = home.namespace
        policies = self._policies()
        # Policies first: no pod of ours ever runs without them. Then the data's snapshot, before a new version sees it,
        # by a Job that looks first whether what is to be restored can be.
        quota = self._quota()
        snapshots = self._snapshots(policies)
        storage = self._storage([*quota, *snapshots])
        service = self._service()
        speech = self._speech(home, storage, [policies, *quota, *snapshots])
        self._route(service)
        self.deployment = speech.deployment
        self.outputs_claim = storage.outputs_claim
        self.register_outputs(
            {
                "namespace": self.namespace,
                "deployment": self.deployment,
                "outputs_claim": self.outputs_claim,
            }
        )

    def _home(self) -> SpeechNamespace:
        return SpeechNamespace(
            f"{self._name}-home",
            SpeechNamespaceArgs(
                name=self._args.namespace,
                engine=self._args.engine,
                protect=self._args.protect,
                labels=self._args.namespace_labels,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _policies(self) -> NetworkPolicies:
        engine = self._args.engine
        # Nothing is downloaded without a volume to keep it, and an image with its weights in it needs nobody.
        download = engine.weights_egress if self._args.weights is not None else ()
        return NetworkPolicies(
            f"{self._name}-policies",
            NetworkPoliciesArgs(
                namespace=self.namespace,
                speech_labels=LABELS,
                speech_port=engine.port,
                exposure=self._args.exposure,
                edge_cidrs=self._args.edge_cidrs,
                acme_challenges=self._args.acme,
                egress=(*engine.egress, *download),
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _quota(self) -> list[pulumi.Resource]:
        if self._args.quota is None:
            return []
        opts = pulumi.ResourceOptions(parent=self)
        return [Quota(f"{self._name}-quota", self.namespace, self._args.quota, opts)]

    def _storage(self, before: list[pulumi.Resource]) -> Storage:
        return Storage(
            f"{self._name}-storage",
            StorageArgs(
                namespace=self.namespace,
                outputs=self._seeded(OUTPUTS_CLAIM, self._args.outputs),
                weights=self._seeded(WEIGHTS_CLAIM, self._args.weights) if self._args.weights else None,
                protect=self._args.protect,
                restore=self._args.restore,
                asked=self._args.restore_asked,
                before=before,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _seeded(self, volume: str, wishes: Volume) -> Volume:
        args = self._args.seeds.get(volume)
        if args is None:
            return wishes
        seed = Seed(f"{self._name}-{volume}-seed", self.namespace, args, pulumi.ResourceOptions(parent=self))
        return replace(wishes, seed=seed.snapshot)

    def _snapshots(self, policies: NetworkPolicies) -> list[pulumi.Resource]:
        args = self._args
        if args.snapshots is None:
            return []
        snapshots = Snapshots(
            f"{self._name}-snapshots",
            SnapshotsArgs(
                namespace=self.namespace,
                engine=args.engine.name,
                new_image=args.image,
                claims=self._claims(),
                sizes={volume: wishes.size for volume, wishes in self._volumes().items()},
                restore=args.restore,
                plan=args.snapshots,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[policies]),
        )
        return [snapshots.ready]

    def _claims(self) -> dict[str, str]:
        """What the pods mount, by volume."""
        restore = self._args.restore
        return {volume: restore.claim(volume) if restore else volume for volume in self._volumes()}

    def _volumes(self) -> dict[str, Volume]:
        wishes = {OUTPUTS_CLAIM: self._args.outputs, WEIGHTS_CLAIM: self._args.weights}
        return {volume: wish for volume, wish in wishes.items() if wish is not None}

    def _service(self) -> kubernetes.core.v1.Service:
        return kubernetes.core.v1.Service(
            f"{self._name}-service",
            metadata={
                "name": "speech",
                "namespace": self.namespace,
                # Pulumi would wait for endpoints for ten minutes, and a model may load for longer. The Deployment is
                # waited for, with a deadline that fits the engine.
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec={
                "selector": LABELS,
                "ports": [{"name": "http", "port": SERVICE_PORT, "target_port": PORT_NAME}],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _speech(
        self, home: SpeechNamespace, storage: Storage, after: list[pulumi.Resource]
    ) -> SpeechDeployment:
        args = self._args
        settings = {**args.engine.environment, **args.settings}
        config_map = inference_settings(f"{self._name}-settings", self.namespace, settings, self)
        return SpeechDeployment(
            f"{self._name}-speech",
            SpeechDeploymentArgs(
                namespace=self.namespace,
                service_account=home.service_account,
                engine=args.engine,
                image=args.image,
                arguments=args.arguments,
                replicas=args.replicas,
                gpus=args.gpus,
                rollout=args.rollout,
                settings_name=config_map.metadata["name"],
                settings=settings,
                outputs_claim=storage.outputs_claim,
                weights_claim=storage.weights_claim,
                recorded=args.recorded,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _route(self, service: kubernetes.core.v1.Service) -> Route:
        args = self._args
        return Route(
            f"{self._name}-route",
            RouteArgs(
                namespace=self.namespace,
                domain=args.domain,
                issuer_name=args.issuer_name,
                service_name=service.metadata["name"],
                service_port=SERVICE_PORT,
                health_path=args.engine.health_path,
                stream_paths=args.engine.stream_paths,
                await_certificate=not args.acme,
            ),
            pulumi.ResourceOptions(parent=self),
        )
