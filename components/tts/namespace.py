"""The service's namespace, its identity and its settings.

Pod Security is enforced at `restricted`. An engine whose image only runs as root gets `baseline`, and says why in its
profile; the stricter level still warns there, so that nobody forgets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

from components.tts.engine import Engine

SERVICE_ACCOUNT = "speech"


@dataclass(frozen=True, kw_only=True)
class SpeechNamespaceArgs:
    """The namespace's name, and the engine that it is to admit."""

    name: str
    engine: Engine
    protect: bool
    """Whether Pulumi refuses to delete the namespace, and with it everything in it."""

    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Beside those of Pod Security."""


def namespace(name: str, args: SpeechNamespaceArgs, parent: pulumi.Resource) -> kubernetes.core.v1.Namespace:
    """The namespace alone. It is always Pulumi's: whoever delivers the service is let into this one, and no other."""
    enforced = "restricted" if args.engine.user is not None else "baseline"
    return kubernetes.core.v1.Namespace(
        name,
        metadata={
            "name": args.name,
            "labels": {
                "pod-security.kubernetes.io/enforce": enforced,
                "pod-security.kubernetes.io/warn": "restricted",
                **args.labels,
            },
            "annotations": {"tts-platform/runs-as-root": args.engine.root_reason}
            if args.engine.root_reason
            else {},
        },
        opts=pulumi.ResourceOptions(parent=parent, protect=args.protect),
    )


class SpeechNamespace(pulumi.ComponentResource):
    """Namespace and service account."""

    namespace: pulumi.Output[str]
    """Name of the namespace."""

    service_account: pulumi.Output[str]
    """What the speech pods run as. It has no token and no rights."""

    def __init__(self, name: str, args: SpeechNamespaceArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:tts:SpeechNamespace", name, None, opts)
        self.namespace = namespace(f"{name}-namespace", args, self).metadata["name"]
        self.service_account = self._service_account(name).metadata["name"]
        self.register_outputs({"namespace": self.namespace, "service_account": self.service_account})

    def _service_account(self, name: str) -> kubernetes.core.v1.ServiceAccount:
        return kubernetes.core.v1.ServiceAccount(
            f"{name}-service-account",
            metadata={"name": SERVICE_ACCOUNT, "namespace": self.namespace},
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
