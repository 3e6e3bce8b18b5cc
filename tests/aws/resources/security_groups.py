"""EC2's security groups and their rules, inline or as resources of their own."""

from typing import Any

from tests.aws.resources.ec2 import ACCOUNT, Ec2Kind, arn, specifications
from tests.aws.resources.kind import (
    HANDLED,
    Call,
    Gone,
    Handled,
    Inputs,
    Kind,
    fields_of,
    handled,
    known,
    parameters,
)

_INLINE = Handled(
    handled(
        "cidrBlocks",
        "description",
        "fromPort",
        "ipv6CidrBlocks",
        "protocol",
        "securityGroups",
        "self",
        "toPort",
    )
)


def _inline_permission(rule: Inputs, group: str) -> dict[str, Any]:
    described = {"Description": rule["description"]} if rule.get("description") else {}
    groups = [*rule.get("securityGroups", []), *([group] if rule.get("self") else [])]
    protocol = str(rule["protocol"])
    permission: dict[str, Any] = {
        "IpProtocol": protocol,
        "IpRanges": [{"CidrIp": cidr, **described} for cidr in rule.get("cidrBlocks", [])],
        "Ipv6Ranges": [{"CidrIpv6": cidr, **described} for cidr in rule.get("ipv6CidrBlocks", [])],
        "UserIdGroupPairs": [{"GroupId": other, **described} for other in groups],
    }
    if protocol != "-1":
        permission.update(FromPort=rule["fromPort"], ToPort=rule["toPort"])
    return permission


def _replace_rules(call: Call, inputs: Inputs) -> None:
    """Takes out every rule that is there and puts in the inline ones."""
    ec2 = call.client("ec2")
    group = ec2.describe_security_groups(GroupIds=[call.id])["SecurityGroups"][0]
    if group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=call.id, IpPermissions=group["IpPermissions"])
    if group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=call.id, IpPermissions=group["IpPermissionsEgress"])
    for rule in inputs.get("ingress", []):
        ec2.authorize_security_group_ingress(
            GroupId=call.id, IpPermissions=[_inline_permission(rule, call.id)]
        )
    for rule in inputs.get("egress", []):
        ec2.authorize_security_group_egress(
            GroupId=call.id, IpPermissions=[_inline_permission(rule, call.id)]
        )


class SecurityGroup(Ec2Kind):
    resource_type = "aws:ec2/securityGroup:SecurityGroup"
    fields = known(
        {
            "description": HANDLED,
            "egress": _INLINE,
            "ingress": _INLINE,
            "name": HANDLED,
            "revokeRulesOnDelete": HANDLED,
            "vpcId": HANDLED,
        }
    )
    replaces = frozenset({"description", "name", "vpcId"})
    computed = ("arn", "ownerId")
    auto_name = "name"

    def create(self, call: Call) -> str:
        made = call.client("ec2").create_security_group(
            GroupName=call.inputs["name"],
            Description=call.inputs.get("description", "Managed by Pulumi"),
            VpcId=call.inputs["vpcId"],
            TagSpecifications=specifications(call, "security-group"),
        )
        call.id = made["GroupId"]
        # AWS lets a new group's members reach everything; the real provider takes that rule out.
        _replace_rules(call, call.inputs)
        return call.id

    def change(self, call: Call) -> None:
        if call.changed("ingress", "egress"):
            _replace_rules(call, call.inputs)

    def read(self, call: Call) -> Inputs:
        call.client("ec2").describe_security_groups(GroupIds=[call.id])
        return {"arn": arn(call, f"security-group/{call.id}"), "ownerId": ACCOUNT}

    def delete(self, call: Call) -> None:
        if call.inputs.get("revokeRulesOnDelete"):
            _replace_rules(call, {})
        call.client("ec2").delete_security_group(GroupId=call.id)


class DefaultSecurityGroup(Ec2Kind):
    """The group that came with the VPC, taken over: its rules go, and those given come. It is never deleted."""

    resource_type = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    fields = known({"egress": _INLINE, "ingress": _INLINE, "vpcId": HANDLED})
    replaces = frozenset({"vpcId"})
    computed = ("arn", "ownerId", "name")

    def create(self, call: Call) -> str:
        groups = call.client("ec2").describe_security_groups(
            Filters=[
                {"Name": "vpc-id", "Values": [call.inputs["vpcId"]]},
                {"Name": "group-name", "Values": ["default"]},
            ]
        )["SecurityGroups"]
        call.id = groups[0]["GroupId"]
        _replace_rules(call, call.inputs)
        self.update(call)
        return call.id

    def change(self, call: Call) -> None:
        if call.changed("ingress", "egress"):
            _replace_rules(call, call.inputs)

    def read(self, call: Call) -> Inputs:
        call.client("ec2").describe_security_groups(GroupIds=[call.id])
        return {"arn": arn(call, f"security-group/{call.id}"), "ownerId": ACCOUNT, "name": "default"}

    def delete(self, call: Call) -> None:
        """AWS deletes it with the VPC and not before."""


class _Rule(Ec2Kind):
    fields = handled(
        "cidrIpv4",
        "cidrIpv6",
        "description",
        "fromPort",
        "ipProtocol",
        "prefixListId",
        "referencedSecurityGroupId",
        "securityGroupId",
        "toPort",
    )
    replaces = frozenset({"securityGroupId"})
    computed = ("arn", "securityGroupRuleId")
    egress = False

    def permission(self, inputs: Inputs) -> dict[str, Any]:
        described = {"Description": inputs["description"]} if inputs.get("description") else {}
        made = parameters(fields_of("ipProtocol", "fromPort", "toPort"), inputs)
        for name, group, key in (
            ("cidrIpv4", "IpRanges", "CidrIp"),
            ("cidrIpv6", "Ipv6Ranges", "CidrIpv6"),
            ("prefixListId", "PrefixListIds", "PrefixListId"),
            ("referencedSecurityGroupId", "UserIdGroupPairs", "GroupId"),
        ):
            if name in inputs:
                made[group] = [{key: inputs[name], **described}]
        return made

    def create(self, call: Call) -> str:
        ec2 = call.client("ec2")
        authorize = (
            ec2.authorize_security_group_egress if self.egress else ec2.authorize_security_group_ingress
        )
        made = authorize(
            GroupId=call.inputs["securityGroupId"],
            IpPermissions=[self.permission(call.inputs)],
            TagSpecifications=specifications(call, "security-group-rule"),
        )
        return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def change(self, call: Call) -> None:
        if not call.changed(*self.fields):
            return
        rule = parameters(
            fields_of("ipProtocol", "fromPort", "toPort", "cidrIpv4", "cidrIpv6", "description"), call.inputs
        )
        if "prefixListId" in call.inputs:
            rule["PrefixListId"] = call.inputs["prefixListId"]
        if "referencedSecurityGroupId" in call.inputs:
            rule["ReferencedGroupId"] = call.inputs["referencedSecurityGroupId"]
        call.client("ec2").modify_security_group_rules(
            GroupId=call.inputs["securityGroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": call.id, "SecurityGroupRule": rule}],
        )

    def read(self, call: Call) -> Inputs:
        rules = call.client("ec2").describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [call.inputs["securityGroupId"]]}]
        )["SecurityGroupRules"]
        if not any(rule["SecurityGroupRuleId"] == call.id for rule in rules):
            raise Gone
        return {"arn": arn(call, f"security-group-rule/{call.id}"), "securityGroupRuleId": call.id}

    def delete(self, call: Call) -> None:
        ec2 = call.client("ec2")
        revoke = ec2.revoke_security_group_egress if self.egress else ec2.revoke_security_group_ingress
        revoke(GroupId=call.inputs["securityGroupId"], SecurityGroupRuleIds=[call.id])


class IngressRule(_Rule):
    resource_type = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


class EgressRule(_Rule):
    resource_type = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    egress = True


ALL: list[Kind] = [SecurityGroup(), DefaultSecurityGroup(), IngressRule(), EgressRule()]
