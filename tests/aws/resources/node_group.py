"""EKS's node groups, with what EKS makes for one: an autoscaling group, a launch template, instances."""

from typing import Any

from tests.aws.resources.eks import EksKind, same
from tests.aws.resources.kind import HANDLED, Block, Call, Inputs, Kind, known, parameters, tag_list


class NodeGroup(EksKind):
    """With the autoscaling group and the launch template that EKS makes for it, and their instances."""

    resource_type = "aws:eks/nodeGroup:NodeGroup"
    fields = known(
        {
            **same("amiType", "capacityType", "clusterName", "diskSize", "instanceTypes", "labels"),
            **same("releaseVersion", "version"),
            "forceUpdateVersion": HANDLED,
            "launchTemplate": Block("launchTemplate", same("id", "name", "version")),
            "nodeGroupName": "nodegroupName",
            "nodeRepairConfig": Block("nodeRepairConfig", same("enabled")),
            "nodeRoleArn": "nodeRole",
            "scalingConfig": Block("scalingConfig", same("desiredSize", "maxSize", "minSize")),
            "subnetIds": "subnets",
            "taints": Block("taints", same("effect", "key", "value")),
            "updateConfig": Block(
                "updateConfig", same("maxUnavailable", "maxUnavailablePercentage", "updateStrategy")
            ),
        }
    )
    replaces = frozenset(
        {
            "amiType",
            "capacityType",
            "clusterName",
            "diskSize",
            "instanceTypes",
            "launchTemplate.id",
            "launchTemplate.name",
            "nodeGroupName",
            "nodeRoleArn",
            "subnetIds",
        }
    )
    computed = ("arn", "resources", "status")
    auto_name = "nodeGroupName"
    name_length = 63

    def _key(self, call: Call) -> dict[str, str]:
        return {"clusterName": call.inputs["clusterName"], "nodegroupName": call.inputs["nodeGroupName"]}

    def create(self, call: Call) -> str:
        made = call.client("eks").create_nodegroup(**parameters(self.fields, call.inputs), tags=call.tags)
        _make_group(call, made["nodegroup"])
        return f"{call.inputs['clusterName']}:{call.inputs['nodeGroupName']}"

    def read(self, call: Call) -> Inputs:
        found = call.client("eks").describe_nodegroup(**self._key(call))["nodegroup"]
        return {
            "arn": found["nodegroupArn"],
            "resources": [
                {"autoscalingGroups": [{"name": _group(found)}], "remoteAccessSecurityGroupId": ""}
            ],
            "releaseVersion": found["releaseVersion"],
            "status": found["status"],
            "version": found["version"],
        }

    def update(self, call: Call) -> None:
        eks = call.client("eks")
        request = parameters(self.fields, call.inputs)
        changes: dict[str, Any] = {
            name: request[name]
            for name in ("nodeRepairConfig", "scalingConfig", "updateConfig")
            if name in request and call.changed(name)
        }
        if call.changed("labels"):
            changes["labels"] = _label_changes(call.old.get("labels", {}), call.inputs.get("labels", {}))
        if call.changed("taints"):
            changes["taints"] = _taint_changes(call.old.get("taints", []), call.inputs.get("taints", []))
        if changes:
            eks.update_nodegroup_config(**self._key(call), **changes)
        if call.changed("launchTemplate", "releaseVersion", "version"):
            wanted = {
                name: request[name]
                for name in ("launchTemplate", "releaseVersion", "version")
                if name in request
            }
            eks.update_nodegroup_version(**self._key(call), **wanted)
            _renew_nodes(call, eks.describe_nodegroup(**self._key(call))["nodegroup"])
        if "scalingConfig" in changes:
            _scale(call, eks.describe_nodegroup(**self._key(call))["nodegroup"])
        self.retag(call, call.state["arn"])

    def delete(self, call: Call) -> None:
        eks = call.client("eks")
        found = eks.describe_nodegroup(**self._key(call))["nodegroup"]
        eks.delete_nodegroup(**self._key(call))
        group = _group(found)
        call.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=group, ForceDelete=True)
        call.client("ec2").delete_launch_template(LaunchTemplateName=group)


def _label_changes(old: dict[str, str], new: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"addOrUpdateLabels": {k: v for k, v in new.items() if old.get(k) != v}}
    return {**made, "removeLabels": sorted(set(old) - set(new))}


def _taint_changes(old: list[Any], new: list[Any]) -> dict[str, Any]:
    return {
        "addOrUpdateTaints": [taint for taint in new if taint not in old],
        "removeTaints": [taint for taint in old if taint not in new],
    }


def _group(found: dict[str, Any]) -> str:
    return str(found["resources"]["autoScalingGroups"][0]["name"])


def _template(call: Call, found: dict[str, Any]) -> dict[str, Any]:
    """What EKS makes of the node group's own template: with an image, a type, and the cluster's security group."""
    ec2 = call.client("ec2")
    data: dict[str, Any] = {}
    if reference := found.get("launchTemplate"):
        versions = ec2.describe_launch_template_versions(
            LaunchTemplateId=reference["id"], Versions=[str(reference.get("version", "$Default"))]
        )
        data = dict(versions["LaunchTemplateVersions"][0]["LaunchTemplateData"])
    cluster = call.client("eks").describe_cluster(name=found["clusterName"])["cluster"]
    data.setdefault("ImageId", ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"])
    data.setdefault("InstanceType", found["instanceTypes"][0])
    data.setdefault("SecurityGroupIds", [cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]])
    for mapping in data.get("BlockDeviceMappings", []):
        # So it is in the images that EKS brings, for a template that does not say.
        mapping.get("Ebs", {}).setdefault("DeleteOnTermination", True)
    return data


def _make_group(call: Call, found: dict[str, Any]) -> None:
    group = _group(found)
    marks = {
        "eks:cluster-name": found["clusterName"],
        "eks:nodegroup-name": found["nodegroupName"],
        f"kubernetes.io/cluster/{found['clusterName']}": "owned",
    }
    call.client("ec2").create_launch_template(
        LaunchTemplateName=group,
        LaunchTemplateData=_template(call, found),
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tag_list(marks)}],
    )
    size = found["scalingConfig"]
    call.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=group,
        LaunchTemplate={"LaunchTemplateName": group, "Version": "1"},
        MinSize=size["minSize"],
        MaxSize=size["maxSize"],
        DesiredCapacity=size["desiredSize"],
        VPCZoneIdentifier=",".join(found["subnets"]),
        Tags=[
            {
                "Key": key,
                "Value": value,
                "PropagateAtLaunch": True,
                "ResourceId": group,
                "ResourceType": "auto-scaling-group",
            }
            for key, value in marks.items()
        ],
    )
    _tag_instances(call, found)


def _scale(call: Call, found: dict[str, Any]) -> None:
    size = found["scalingConfig"]
    call.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=_group(found),
        MinSize=size["minSize"],
        MaxSize=size["maxSize"],
        DesiredCapacity=size["desiredSize"],
    )
    _tag_instances(call, found)


def _instances(call: Call, found: dict[str, Any]) -> list[str]:
    groups = call.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[_group(found)])
    return [instance["InstanceId"] for instance in groups["AutoScalingGroups"][0]["Instances"]]


def _renew_nodes(call: Call, found: dict[str, Any]) -> None:
    """Another template or version: each node goes, and one of the new kind comes for it."""
    group = _group(found)
    made = call.client("ec2").create_launch_template_version(
        LaunchTemplateName=group, LaunchTemplateData=_template(call, found)
    )
    autoscaling = call.client("autoscaling")
    autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=group,
        LaunchTemplate={
            "LaunchTemplateName": group,
            "Version": str(made["LaunchTemplateVersion"]["VersionNumber"]),
        },
    )
    for instance in _instances(call, found):
        autoscaling.terminate_instance_in_auto_scaling_group(
            InstanceId=instance, ShouldDecrementDesiredCapacity=False
        )
    _tag_instances(call, found)


def _tag_instances(call: Call, found: dict[str, Any]) -> None:
    """The template's tags for instances and volumes, which moto's autoscaling leaves out."""
    ec2 = call.client("ec2")
    instances = _instances(call, found)
    if not instances:
        return
    for specification in _template(call, found).get("TagSpecifications", []):
        if specification["ResourceType"] == "instance":
            ec2.create_tags(Resources=instances, Tags=specification["Tags"])
        elif specification["ResourceType"] == "volume":
            volumes = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": instances}])[
                "Volumes"
            ]
            ec2.create_tags(Resources=[volume["VolumeId"] for volume in volumes], Tags=specification["Tags"])


ALL: list[Kind] = [NodeGroup()]
