"""EBS snapshots beyond the region, the account and the month: copies, shares and the archive.

Amazon Data Lifecycle Manager makes them, and it copies, shares and archives only snapshots that it took itself. Those
of the CSI snapshotter are none of its own, so it takes one a day for the copy, half an hour after theirs, and one a
month for the archive. They are of each disk by itself, as after a power cut.

Two policies, not one with two schedules: the provider replaces a policy that gets a further schedule, and the snapshots
of a policy that is gone stay until somebody deletes them.

The policies find the disks by the tags that the driver gives to each disk of its cluster: `extraVolumeTags` are on the
nodes' own disks too, and several tags select what has any of them. AWS takes no second policy with the tags of a first,
so each has one for itself. Disks that were there before are found as well.

Refuses a key that disks are not encrypted by: a snapshot is encrypted by its disk's key, and one of AWS's own key
cannot be shared.

- Only its own: https://repost.aws/knowledge-center/ebs-snapshot-dlm-policy-not-deleting,
  https://docs.aws.amazon.com/dlm/latest/APIReference/API_Schedule.html
- Schedules, retention, the archive: https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-ami-policy.html,
  https://docs.aws.amazon.com/dlm/latest/APIReference/API_RetentionArchiveTier.html
- Changes, and what a policy leaves: https://docs.aws.amazon.com/ebs/latest/userguide/modify.html,
  https://docs.aws.amazon.com/ebs/latest/userguide/delete.html
- The disks' tags: https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/tagging.md; the add-on
  sets the cluster's id: https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/volume-health-monitoring.md
- Sharing, and the key: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html,
  https://docs.aws.amazon.com/ebs/latest/userguide/share-kms-key.html
- The role, a part of the managed policy AWSDataLifecycleManagerServiceRole:
  https://docs.aws.amazon.com/ebs/latest/userguide/service-role.html,
  https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSDataLifecycleManagerServiceRole.html
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

DAILY_AT: Final = "02:30"
"""UTC. It begins within the hour after, and the CSI snapshotter's own are under way from 02:00 by default."""

_MONTHLY: Final = "cron(30 3 1 * ? *)"
"""The first of each month, UTC. The archive takes nothing that is made more often than every 28 days."""

_DAYS_AT_HOME: Final = 2
"""How long the daily one stays where it was taken: a copy, ours or another account's, may take more than a day."""

_DAYS_BEFORE_THE_ARCHIVE: Final = 1
"""The provider cannot say 0."""

_DAYS_OF_A_MONTH: Final = 31
"""The archive keeps nothing for less than 90 days, and three months may have 89."""

_Statement = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SnapshotCopiesArgs:
    """What an environment decides about its disks' copies."""

    region: str
    """Where the disks are."""

    cluster_name: str
    """Of the EKS cluster whose disks they are, all of them."""

    copy_region: str | None
    """Where a copy of each day goes; None: nowhere."""

    copy_days: int
    """How long a copy is kept there."""

    share_accounts: tuple[str, ...]
    """Ids of the accounts that may copy each day's snapshot, or make disks of it."""

    archive_months: int | None
    """How long one snapshot of each month is archived, 3 or more; None: there is none."""

    kms_key: str | None
    """ARN of the customer managed key that the disks are encrypted by; None is AWS's own key for EBS."""

    @property
    def daily(self) -> bool:
        """Whether there is a use for a snapshot a day."""
        return self.copy_region is not None or bool(self.share_accounts)


def refuse_another_key(args: SnapshotCopiesArgs, account: aws.Provider) -> None:
    """Asked at once, so that nothing is made that could be neither copied nor shared."""
    if args.kms_key is None:
        return
    default = aws.ebs.get_default_kms_key(opts=pulumi.InvokeOptions(provider=account)).key_arn
    if default != args.kms_key:
        raise pulumi.RunError(
            f"tts-platform:snapshotKmsKey: in {args.region} disks are encrypted by {default}, not by {args.kms_key}. "
            f"Make it the region's key for EBS (aws ec2 modify-ebs-default-kms-key-id --region {args.region} "
            f"--kms-key-id {args.kms_key}), or write the one that is (docs/aws.md)."
        )


class SnapshotCopies(pulumi.ComponentResource):
    """A role for Data Lifecycle Manager, and its policies for the disks of one cluster."""

    policy_arns: Sequence[pulumi.Output[str]]
    """Of the policies: what the snapshots' tag `aws:dlm:lifecycle-policy-id` leads to."""

    def __init__(self, name: str, args: SnapshotCopiesArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:storage:SnapshotCopies", name, None, opts)
        self._name = name
        self._args = args
        role = self._role()
        policies = []
        if args.daily:
            target = {_owned_by(args.cluster_name): "owned"}
            policies.append(self._policy("daily", "Daily copies", role, target, self._day()))
        if args.archive_months is not None:
            target = {"KubernetesCluster": args.cluster_name}
            schedule = self._month(args.archive_months)
            policies.append(self._policy("monthly", "Monthly archive", role, target, schedule))
        self.policy_arns = [policy.arn for policy in policies]
        self.register_outputs({"policy_arns": self.policy_arns})

    def _role(self) -> pulumi.Output[str]:
        """Its ARN, known once it has its rights: a policy never runs without them."""
        account = aws.get_caller_identity(opts=pulumi.InvokeOptions(parent=self)).account_id
        role = aws.iam.Role(
            f"{self._name}-role",
            description="Data Lifecycle Manager at the speech service's disks",
            assume_role_policy=json.dumps(_trust(self._args.region, account)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        rights = aws.iam.RolePolicy(
            f"{self._name}-role-policy",
            role=role.name,
            policy=json.dumps({"Version": "2012-10-17", "Statement": _rights(self._args)}),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return pulumi.Output.all(role.arn, rights.urn).apply(lambda values: str(values[0]))

    def _policy(
        self,
        name: str,
        what: str,
        role: pulumi.Output[str],
        target: Mapping[str, str],
        schedule: "aws.dlm.LifecyclePolicyPolicyDetailsScheduleArgsDict",
    ) -> aws.dlm.LifecyclePolicy:
        return aws.dlm.LifecyclePolicy(
            f"{self._name}-{name}",
            # AWS allows letters, digits, spaces, _ and - here.
            description=f"{what} of the disks of {self._args.cluster_name}",
            execution_role_arn=role,
            state="ENABLED",
            policy_details={
                "policy_type": "EBS_SNAPSHOT_MANAGEMENT",
                "resource_types": ["VOLUME"],
                "target_tags": target,
                "schedules": [schedule],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _day(self) -> "aws.dlm.LifecyclePolicyPolicyDetailsScheduleArgsDict":
        args = self._args
        schedule: aws.dlm.LifecyclePolicyPolicyDetailsScheduleArgsDict = {
            # Under another name it would forget the snapshots that it took under this one.
            "name": "daily",
            "create_rule": {"interval": 24, "interval_unit": "HOURS", "times": DAILY_AT},
            # By age and not by count: a count ends with its disk, and leaves the snapshots there.
            "retain_rule": {"interval": _DAYS_AT_HOME, "interval_unit": "DAYS"},
            "copy_tags": True,
        }
        if args.copy_region is not None:
            schedule["cross_region_copy_rules"] = [
                {
                    "target": args.copy_region,
                    # By that region's own key for EBS: a key of this region is none there.
                    "encrypted": True,
                    "copy_tags": True,
                    "retain_rule": {"interval": args.copy_days, "interval_unit": "DAYS"},
                }
            ]
        if args.share_accounts:
            schedule["share_rule"] = {"target_accounts": list(args.share_accounts)}
        return schedule

    def _month(self, months: int) -> "aws.dlm.LifecyclePolicyPolicyDetailsScheduleArgsDict":
        return {
            "name": "monthly",
            "create_rule": {"cron_expression": _MONTHLY},
            "retain_rule": {"interval": _DAYS_BEFORE_THE_ARCHIVE, "interval_unit": "DAYS"},
            "archive_rule": {
                "archive_retain_rule": {
                    "retention_archive_tier": {
                        "interval": months * _DAYS_OF_A_MONTH,
                        "interval_unit": "DAYS",
                    }
                }
            },
            "copy_tags": True,
        }


def _owned_by(cluster_name: str) -> str:
    return f"kubernetes.io/cluster/{cluster_name}"


def _trust(region: str, account: str) -> dict[str, Any]:
    """Without the conditions another account's policy could have the service take this role on."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "dlm.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": f"arn:aws:dlm:{region}:{account}:policy/*"},
                },
            }
        ],
    }


def _rights(args: SnapshotCopiesArgs) -> list[_Statement]:
    # Each snapshot carries its disk's tags, and so does each copy.
    ours = {"StringEquals": {f"aws:ResourceTag/{_owned_by(args.cluster_name)}": "owned"}}
    regions = [args.region, *([args.copy_region] if args.copy_region else [])]
    snapshots = [f"arn:aws:ec2:{region}::snapshot/*" for region in regions]
    at_ours = ["ec2:DeleteSnapshot", "ec2:DescribeSnapshotAttribute"]
    if args.share_accounts:
        at_ours.append("ec2:ModifySnapshotAttribute")
    if args.archive_months is not None:
        at_ours.append("ec2:ModifySnapshotTier")
    statements: list[_Statement] = [
        _allow(["ec2:CreateSnapshot"], [f"arn:aws:ec2:{args.region}:*:volume/*"], ours),
        # What is being made has no tags yet.
        _allow(["ec2:CreateSnapshot", "ec2:CreateTags"], snapshots),
        _allow(at_ours, snapshots, ours),
        _allow(
            [
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeInstances",
                "ec2:DescribeSnapshotTierStatus",
                "ec2:DescribeSnapshots",
                "ec2:DescribeVolumes",
            ],
            ["*"],
        ),
    ]
    if args.copy_region is not None:
        statements.append(_allow(["ec2:CopySnapshot"], snapshots))
    if args.kms_key is not None:
        statements += _rights_on(args.kms_key)
    return statements


def _rights_on(key: str) -> list[_Statement]:
    """AWS's own key lets everybody in the account in who comes through EBS, a customer's does not."""
    use = [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
    ]
    only_for_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [_allow(use, [key]), _allow(["kms:CreateGrant"], [key], only_for_aws)]


def _allow(
    actions: Sequence[str], resources: Sequence[str], condition: Mapping[str, Any] | None = None
) -> _Statement:
    statement: _Statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return {**statement, "Condition": dict(condition)} if condition else statement
