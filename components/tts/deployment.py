"""The speech pods.

Refuses to retire an old pod before a new one is ready (in a surge), and to wait for ever: a new image that crashes, or
never gets ready, fails the update at its deadline with the pods' own reason, while the old ones serve on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.nodes import GPU_NODE_SELECTOR, GPU_TOLERATIONS
from components.tts.container import ContainerArgs, speech_container, speech_volumes
from components.tts.engine import Engine
from components.tts.rollout import Rollout
from components.tts.settings import settings_checksum
from components.tts.snapshot_job.names import ENGINE
from components.tts.snapshot_job.names import SETTINGS as RECORDED

DEPLOYMENT = "speech"
LABELS = {"app.kubernetes.io/name": "speech"}

DRAIN_SECONDS = 10
"""Between the pod's leaving the endpoints and its SIGTERM: Envoy learns of it meanwhile, and sends nothing new."""

SETTLE_SECONDS = 10
"""Between the pod's becoming ready and the old one's retirement: Envoy sends nothing to a pod that it has not checked
itself, and would have nobody to send to. Two rounds of the route's checks."""

_STOP_MARGIN_SECONDS = 10
_DEADLINE_MARGIN_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class SpeechDeploymentArgs:
    """What runs, how often, and how it is replaced."""

    namespace: pulumi.Input[str]
    service_account: pulumi.Input[str]
    engine: Engine
    image: str
    arguments: tuple[str, ...]
    replicas: int
    gpus: int
    rollout: Rollout
    settings_name: pulumi.Input[str]
    settings: Mapping[str, str]
    outputs_claim: pulumi.Input[str]
    weights_claim: pulumi.Input[str] | None
    recorded: str | None = None
    """What a snapshot notes of the settings that its data was made with; None notes nothing."""


class SpeechDeployment(pulumi.ComponentResource):
    """Deployment, and a PodDisruptionBudget where there is more than one pod."""

    deployment: pulumi.Output[str]
    """Name of the Deployment."""

    def __init__(self, name: str, args: SpeechDeploymentArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:tts:SpeechDeployment", name, None, opts)
        self._args = args
        self.deployment = self._deployment(name).metadata["name"]
        if args.replicas > 1:
            self._disruption_budget(name)
        self.register_outputs({"deployment": self.deployment})

    def _deployment(self, name: str) -> kubernetes.apps.v1.Deployment:
        engine = self._args.engine
        deadline = engine.pull_seconds + engine.startup_seconds + SETTLE_SECONDS
        # Kubernetes' deadline first: what it says then names the reason, Pulumi's own only says that time is up.
        patience = f"{deadline * self._args.replicas + _DEADLINE_MARGIN_SECONDS}s"
        return kubernetes.apps.v1.Deployment(
            f"{name}-deployment",
            metadata={
                "name": DEPLOYMENT,
                "namespace": self._args.namespace,
                "labels": LABELS,
                "annotations": {
                    ENGINE: engine.name,
                    "tts-platform/engine-source": engine.source,
                },
            },
            spec={
                "replicas": self._args.replicas,
                "min_ready_seconds": SETTLE_SECONDS,
                "progress_deadline_seconds": deadline,
                "revision_history_limit": 5,
                "selector": {"match_labels": LABELS},
                "strategy": _STRATEGIES[self._args.rollout],
                "template": {
                    "metadata": {
                        "labels": LABELS,
                        "annotations": self._pod_annotations(),
                    },
                    "spec": self._pod(),
                },
            },
            opts=pulumi.ResourceOptions(
                parent=self, custom_timeouts=pulumi.CustomTimeouts(create=patience, update=patience)
            ),
        )

    def _pod_annotations(self) -> dict[str, str]:
        # A pod reads its environment once. New settings must be new pods, or they reach none of them.
        annotations = {"tts-platform/inference-cfg": settings_checksum(self._args.settings)}
        if self._args.recorded is not None:
            annotations[RECORDED] = self._args.recorded
        return annotations

    def _pod(self) -> dict[str, Any]:
        args, engine = self._args, self._args.engine
        container = ContainerArgs(
            engine=engine,
            image=args.image,
            arguments=args.arguments,
            gpus=args.gpus,
            settings_name=args.settings_name,
            outputs_claim=args.outputs_claim,
            weights_claim=args.weights_claim,
            drain_seconds=DRAIN_SECONDS,
        )
        return {
            "service_account_name": args.service_account,
            "automount_service_account_token": False,
            "enable_service_links": False,
            "node_selector": GPU_NODE_SELECTOR,
            "tolerations": GPU_TOLERATIONS,
            "termination_grace_period_seconds": DRAIN_SECONDS
            + engine.synthesis_seconds
            + _STOP_MARGIN_SECONDS,
            "security_context": _pod_security(engine),
            "topology_spread_constraints": [
                {
                    "max_skew": 1,
                    "topology_key": "kubernetes.io/hostname",
                    "when_unsatisfiable": "ScheduleAnyway",
                    "label_selector": {"match_labels": LABELS},
                }
            ],
            "containers": [speech_container(container)],
            "volumes": speech_volumes(container),
        }

    def _disruption_budget(self, name: str) -> None:
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{name}-disruption-budget",
            metadata={"name": "speech", "namespace": self._args.namespace},
            spec={"max_unavailable": 1, "selector": {"match_labels": LABELS}},
            opts=pulumi.ResourceOptions(parent=self),
        )


_STRATEGIES: dict[Rollout, dict[str, Any]] = {
    Rollout.SURGE: {"type": "RollingUpdate", "rolling_update": {"max_surge": 1, "max_unavailable": 0}},
    Rollout.IN_PLACE: {"type": "RollingUpdate", "rolling_update": {"max_surge": 0, "max_unavailable": 1}},
}


def _pod_security(engine: Engine) -> dict[str, Any]:
    context: dict[str, Any] = {"seccomp_profile": {"type": "RuntimeDefault"}}
    if engine.user is not None:
        context |= {
            "run_as_non_root": True,
            "run_as_user": engine.user,
            "run_as_group": engine.user,
            "fs_group": engine.user,
            # Without this every start walks the whole outputs volume to change its owners.
            "fs_group_change_policy": "OnRootMismatch",
        }
    return context
