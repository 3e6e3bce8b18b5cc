"""Snapshots of the service's volumes: every day, and before an upgrade.

An upgrade does not begin without one: the pods wait for the Job here, which runs anew for every image and every
restore. Its account may do this in the service's namespace, and nothing else anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from components.tts.deployment import DEPLOYMENT
from components.tts.restore import Restore
from components.tts.snapshot_job.names import API_GROUP, CRON_JOB
from components.tts.snapshot_job.wanted import listed
from components.tts.snapshot_pod import LABELS, NAME, pod_template, program

PRE_UPGRADE_JOB: Final = "pre-upgrade"
AFTER: Final = "tts-platform/after"
"""Annotation of that Job's pods: `SnapshotPlan.after`."""

_SECONDS: Final = "SECONDS"
_MARGIN_SECONDS: Final = 300
"""Beside the snapshot itself: the image arrives, the pod starts, the API server may be away for a while."""

_TRIES_AFTER_THE_FIRST: Final = 2
_WEEK_SECONDS: Final = 7 * 24 * 3600

_MISSED_RUN_SECONDS: Final = 82800
"""For so long a run that was missed is caught up with, once; below a day, or it would meet the next one."""

RULES: Final[list[dict[str, Any]]] = [
    {
        "api_groups": [API_GROUP],
        "resources": ["volumesnapshots"],
        "verbs": ["get", "list", "create", "delete"],
    },
    {
        "api_groups": ["apps"],
        "resources": ["deployments"],
        "resource_names": [DEPLOYMENT],
        "verbs": ["get"],
    },
    {
        "api_groups": ["batch"],
        "resources": ["cronjobs"],
        "resource_names": [CRON_JOB],
        "verbs": ["get"],
    },
    {"api_groups": [""], "resources": ["pods", "persistentvolumeclaims"], "verbs": ["list"]},
    {"api_groups": [""], "resources": ["events"], "verbs": ["create"]},
]
"""All that the program may do."""


@dataclass(frozen=True, kw_only=True)
class SnapshotPlan:
    """What an environment decides about its snapshots."""

    stack: str
    snapshot_class: pulumi.Input[str]
    """Name of the VolumeSnapshotClass."""

    schedule: str
    """As cron has it."""

    time_zone: str
    kept: int
    """How many good scheduled ones stay."""

    image: str
    """Any with python3, 3.11 or newer."""

    seconds: int
    """How long one may take until it is ready."""

    after: str | None = None
    """Which Job before an upgrade has failed, by its uid: one that has, has failed for good, and another takes its
    place."""

    def __post_init__(self) -> None:
        if self.kept < 1:
            raise ValueError(
                "at least one snapshot is kept: with none, there would be nothing to go back to."
            )


@dataclass(frozen=True, kw_only=True)
class SnapshotsArgs:
    """Of what, and when."""

    namespace: pulumi.Input[str]
    engine: str
    new_image: str
    """What the speech pods are to run: when it changes, a snapshot is taken first."""

    claims: Mapping[str, str]
    """What they are to mount, by volume. Plain text: the Job comes before the claims."""

    sizes: Mapping[str, str]
    """What those claims ask for, by volume."""

    restore: Restore | None = None
    """Where those claims come from: seen to be there before anything changes."""

    plan: SnapshotPlan


class Snapshots(pulumi.ComponentResource):
    """Account, program, policy, the daily CronJob, and the Job before an upgrade."""

    ready: pulumi.Resource
    """The Job that has ended well when there is a good snapshot, or nothing to take one of."""

    def __init__(self, name: str, args: SnapshotsArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:tts:Snapshots", name, None, opts)
        self._name = name
        self._args = args
        allowed = self._account()
        # A pod that runs before it may read or reach anything fails, and is only tried again later.
        before = [*allowed, self._program(), self._policy()]
        self._cron_job(before)
        self.ready = self._pre_upgrade(before)
        self.register_outputs({})

    def _account(self) -> list[pulumi.Resource]:
        account = kubernetes.core.v1.ServiceAccount(
            f"{self._name}-service-account",
            metadata=self._metadata(NAME),
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        role = kubernetes.rbac.v1.Role(
            f"{self._name}-role",
            metadata=self._metadata(NAME),
            rules=RULES,
            opts=pulumi.ResourceOptions(parent=self),
        )
        binding = kubernetes.rbac.v1.RoleBinding(
            f"{self._name}-role-binding",
            metadata=self._metadata(NAME),
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
            subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": self._args.namespace}],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role, account]),
        )
        return [account, role, binding]

    def _program(self) -> pulumi.Resource:
        return kubernetes.core.v1.ConfigMap(
            f"{self._name}-program",
            metadata=self._metadata(NAME),
            data=program(),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _policy(self) -> pulumi.Resource:
        # The API server has no selector that matches it, and its address is the cluster's own affair.
        ports = [{"port": port, "protocol": "TCP"} for port in (443, 6443)]
        return kubernetes.networking.v1.NetworkPolicy(
            f"{self._name}-policy",
            metadata=self._metadata(NAME),
            spec={
                "pod_selector": {"match_labels": LABELS},
                "policy_types": ["Ingress", "Egress"],
                "egress": [{"ports": ports}],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _cron_job(self, before: list[pulumi.Resource]) -> None:
        plan = self._args.plan
        kubernetes.batch.v1.CronJob(
            f"{self._name}-cron-job",
            metadata=self._metadata(CRON_JOB),
            spec={
                "schedule": plan.schedule,
                "time_zone": plan.time_zone,
                "concurrency_policy": "Forbid",
                "starting_deadline_seconds": _MISSED_RUN_SECONDS,
                "successful_jobs_history_limit": 3,
                "failed_jobs_history_limit": 3,
                "job_template": {
                    "metadata": {"labels": LABELS},
                    "spec": {
                        "backoff_limit": _TRIES_AFTER_THE_FIRST,
                        # What is not ready in time is waited for once more, by the next try.
                        "active_deadline_seconds": 2 * plan.seconds + _MARGIN_SECONDS,
                        # Also of those that a person made of this template.
                        "ttl_seconds_after_finished": _WEEK_SECONDS,
                        "template": self._pod("scheduled"),
                    },
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )

    def _pre_upgrade(self, before: list[pulumi.Resource]) -> pulumi.Resource:
        patience = f"{self._args.plan.seconds + _MARGIN_SECONDS}s"
        return kubernetes.batch.v1.Job(
            f"{self._name}-pre-upgrade",
            metadata=self._metadata(PRE_UPGRADE_JOB),
            spec={
                # The program itself tries on for as long as that may help. Who waits for the Job is told of the rest
                # at once, and starts another.
                "backoff_limit": 0,
                "active_deadline_seconds": self._args.plan.seconds + _MARGIN_SECONDS,
                "template": self._pod("pre-upgrade"),
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=before,
                # A Job cannot be changed, and its name is its own.
                replace_on_changes=["spec"],
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create=patience, update=patience),
            ),
        )

    def _pod(self, what: str) -> dict[str, Any]:
        plan = self._args.plan
        environment: dict[str, pulumi.Input[str]] = {
            "NAMESPACE": self._args.namespace,
            "STACK": plan.stack,
            "ENGINE": self._args.engine,
            "SNAPSHOT_CLASS": plan.snapshot_class,
            "KEPT": str(plan.kept),
            "DEPLOYMENT": DEPLOYMENT,
            _SECONDS: str(plan.seconds),
        }
        annotations = {}
        if what == "pre-upgrade":
            environment["IMAGE"] = self._args.new_image
            environment["CLAIMS"] = listed(self._args.claims)
            if self._args.restore is not None:
                environment["RESTORE"] = str(self._args.restore)
                environment["SIZES"] = listed(self._args.sizes)
            annotations = {AFTER: plan.after} if plan.after else {}
        return pod_template(plan.image, what, environment, annotations)

    def _metadata(self, name: str) -> dict[str, Any]:
        return {"name": name, "namespace": self._args.namespace, "labels": LABELS}
