"""A VPC's flow logs, in CloudWatch for 30 days.

The role may write to its one log group and not make it: a flow that ends after a destroy brings no group back.

AWS: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html,
https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
"""

import json
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

RETENTION_DAYS: Final = 30
"""How long a connection can be looked up."""

_AGGREGATION_SECONDS: Final = 600
_TRUST: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


@dataclass(frozen=True, kw_only=True)
class FlowLogsArgs:
    """Which network is logged."""

    vpc_id: pulumi.Input[str]


class FlowLogs(pulumi.ComponentResource):
    """The log group, the role that writes to it, and the flow log: a record per connection and ten minutes."""

    log_group: pulumi.Output[str]
    """Name of the log group."""

    def __init__(self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:network:FlowLogs", name, None, opts)
        group = aws.cloudwatch.LogGroup(
            f"{name}-group", retention_in_days=RETENTION_DAYS, opts=pulumi.ResourceOptions(parent=self)
        )
        role, policy = self._role(name, group)
        aws.ec2.FlowLog(
            f"{name}-log",
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            max_aggregation_interval=_AGGREGATION_SECONDS,
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.log_group = group.name
        self.register_outputs({"log_group": self.log_group})

    def _role(self, name: str, group: aws.cloudwatch.LogGroup) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        role = aws.iam.Role(
            f"{name}-role", assume_role_policy=_TRUST, opts=pulumi.ResourceOptions(parent=self)
        )
        policy = aws.iam.RolePolicy(
            f"{name}-write",
            role=role.name,
            policy=group.arn.apply(_may_write),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return role, policy


def _may_write(group_arn: str) -> str:
    write = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    statements = [
        {"Effect": "Allow", "Action": write, "Resource": [group_arn, f"{group_arn}:*"]},
        {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
