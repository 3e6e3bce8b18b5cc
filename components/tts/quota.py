"""The most that a service's namespace may take of the cluster that it shares.

Refuses a pod that does not say what it takes, as every pod of the service does: nothing would count it.
https://kubernetes.io/docs/concepts/policy/resource-quotas/
"""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from components.nodes import GPU_RESOURCE

NAME: Final = "service"


@dataclass(frozen=True, kw_only=True)
class QuotaArgs:
    """How much of each, altogether."""

    gpus: int
    memory: str
    """The sum of the pods' limits."""

    storage: str
    claims: int
    pods: int


class Quota(pulumi.ComponentResource):
    """The ResourceQuota."""

    def __init__(
        self,
        name: str,
        namespace: pulumi.Input[str],
        args: QuotaArgs,
        opts: pulumi.ResourceOptions | None = None,
    ):
        super().__init__("tts-platform:tts:Quota", name, None, opts)
        kubernetes.core.v1.ResourceQuota(
            f"{name}-quota",
            metadata={
                "name": NAME,
                "namespace": namespace,
                # Pulumi would wait until it is counted; what comes after it is counted in any case.
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec={
                "hard": {
                    f"requests.{GPU_RESOURCE}": str(args.gpus),
                    "limits.memory": args.memory,
                    "requests.storage": args.storage,
                    "persistentvolumeclaims": str(args.claims),
                    "pods": str(args.pods),
                }
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
