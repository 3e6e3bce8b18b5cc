"""The lookups (invokes) that are rehearsed."""

import os
from collections.abc import Callable, Mapping

from tests.aws.resources.ec2 import ACCOUNT
from tests.aws.resources.kind import ENDPOINT, Call, Inputs, Unrehearsed, is_gone


def _known(call: Call, *names: str) -> None:
    if unknown := sorted(set(call.inputs) - {*names, "region"}):
        raise Unrehearsed(f"argument {unknown[0]} is not rehearsed")


def caller_identity(call: Call) -> Inputs:
    if call.preview and not os.environ.get(ENDPOINT):
        return {
            "id": ACCOUNT,
            "accountId": ACCOUNT,
            "arn": f"arn:aws:iam::{ACCOUNT}:root",
            "userId": "preview",
        }
    found = call.client("sts").get_caller_identity()
    return {
        "id": found["Account"],
        "accountId": found["Account"],
        "arn": found["Arn"],
        "userId": found["UserId"],
    }


def partition(_call: Call) -> Inputs:
    return {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


def region(call: Call) -> Inputs:
    name = call.region
    return {
        "id": name,
        "name": name,
        "region": name,
        "endpoint": f"ec2.{name}.amazonaws.com",
        "description": name,
    }


def availability_zones(call: Call) -> Inputs:
    _known(call, "state")
    found = call.client("ec2").describe_availability_zones()["AvailabilityZones"]
    return {
        "id": call.region,
        "names": [zone["ZoneName"] for zone in found],
        "zoneIds": [zone["ZoneId"] for zone in found],
        "groupNames": [call.region],
    }


def cluster(call: Call) -> Inputs:
    _known(call, "name")
    try:
        found = call.client("eks").describe_cluster(name=call.inputs["name"])["cluster"]
    except Exception as error:
        if is_gone(error):
            raise Unrehearsed(
                f"reading EKS Cluster ({call.inputs['name']}): couldn't find resource"
            ) from error
        raise
    vpc = found["resourcesVpcConfig"]
    return {
        "id": found["name"],
        "name": found["name"],
        "arn": found["arn"],
        "endpoint": found["endpoint"],
        "version": found["version"],
        "status": found["status"],
        "roleArn": found["roleArn"],
        "platformVersion": found["platformVersion"],
        "createdAt": found["createdAt"].isoformat(),
        "region": call.region,
        "tags": found.get("tags", {}),
        "certificateAuthorities": [{"data": found["certificateAuthority"]["data"]}],
        "accessConfigs": [
            {
                "authenticationMode": found["accessConfig"]["authenticationMode"],
                "bootstrapClusterCreatorAdminPermissions": False,
            }
        ],
        "deletionProtection": found.get("deletionProtection", False),
        "enabledClusterLogTypes": [
            name
            for entry in found.get("logging", {}).get("clusterLogging", [])
            if entry["enabled"]
            for name in entry["types"]
        ],
        "identities": [{"oidcs": [{"issuer": found["identity"]["oidc"]["issuer"]}]}],
        "kubernetesNetworkConfigs": [
            {
                "ipFamily": found["kubernetesNetworkConfig"].get("ipFamily", "ipv4"),
                "serviceIpv4Cidr": found["kubernetesNetworkConfig"]["serviceIpv4Cidr"],
                "serviceIpv6Cidr": "",
            }
        ],
        "vpcConfig": {
            "clusterSecurityGroupId": vpc["clusterSecurityGroupId"],
            "endpointPrivateAccess": vpc.get("endpointPrivateAccess", False),
            "endpointPublicAccess": vpc.get("endpointPublicAccess", True),
            "publicAccessCidrs": vpc.get("publicAccessCidrs", []),
            "securityGroupIds": vpc.get("securityGroupIds", []),
            "subnetIds": vpc["subnetIds"],
            "vpcId": vpc["vpcId"],
        },
    }


def addon(call: Call) -> Inputs:
    _known(call, "addonName", "clusterName")
    name, owner = call.inputs["addonName"], call.inputs["clusterName"]
    try:
        found = call.client("eks").describe_addon(clusterName=owner, addonName=name)["addon"]
    except Exception as error:
        if is_gone(error):
            raise Unrehearsed(f"reading EKS Add-On ({owner}:{name}): couldn't find resource") from error
        raise
    return {
        "id": f"{owner}:{name}",
        "addonName": name,
        "clusterName": owner,
        "addonVersion": found["addonVersion"],
        "arn": found["addonArn"],
        "configurationValues": found.get("configurationValues", ""),
        "createdAt": found["createdAt"].isoformat(),
        "modifiedAt": found["modifiedAt"].isoformat(),
        "podIdentityAssociations": [],
        "region": call.region,
        "serviceAccountRoleArn": found.get("serviceAccountRoleArn", ""),
        "tags": found.get("tags", {}),
    }


def zone(call: Call) -> Inputs:
    _known(call, "name", "privateZone")
    wanted = f"{call.inputs['name'].rstrip('.')}."
    private = bool(call.inputs.get("privateZone"))
    for found in call.client("route53").list_hosted_zones()["HostedZones"]:
        if found["Name"] == wanted and found["Config"]["PrivateZone"] == private:
            identity = found["Id"].rpartition("/")[2]
            return {
                "id": identity,
                "zoneId": identity,
                "arn": f"arn:aws:route53:::hostedzone/{identity}",
                "name": wanted.rstrip("."),
                "privateZone": private,
                "callerReference": found["CallerReference"],
                "comment": found["Config"].get("Comment", ""),
                "resourceRecordSetCount": found["ResourceRecordSetCount"],
                "nameServers": [],
                "primaryNameServer": "",
                "tags": {},
            }
    raise Unrehearsed(f"no matching Route 53 Hosted Zone found: {wanted}")


def vpc(call: Call) -> Inputs:
    _known(call, "id")
    found = call.client("ec2").describe_vpcs(VpcIds=[call.inputs["id"]])["Vpcs"][0]
    return {
        "id": found["VpcId"],
        "arn": f"arn:aws:ec2:{call.region}:{ACCOUNT}:vpc/{found['VpcId']}",
        "cidrBlock": found["CidrBlock"],
        "default": found["IsDefault"],
        "ownerId": ACCOUNT,
        "state": found["State"],
        "tags": {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
    }


def subnet(call: Call) -> Inputs:
    _known(call, "id")
    found = call.client("ec2").describe_subnets(SubnetIds=[call.inputs["id"]])["Subnets"][0]
    return {
        "id": found["SubnetId"],
        "arn": found["SubnetArn"],
        "availabilityZone": found["AvailabilityZone"],
        "availabilityZoneId": found["AvailabilityZoneId"],
        "cidrBlock": found["CidrBlock"],
        "mapPublicIpOnLaunch": found["MapPublicIpOnLaunch"],
        "vpcId": found["VpcId"],
        "tags": {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
    }


def default_kms_key(call: Call) -> Inputs:
    _known(call)
    found = call.client("ec2").get_ebs_default_kms_key_id()["KmsKeyId"]
    return {"id": call.region, "keyArn": found, "region": call.region}


Lookup = Callable[[Call], Inputs]

ALL: Mapping[str, Lookup] = {
    "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
    "aws:index/getPartition:getPartition": partition,
    "aws:index/getRegion:getRegion": region,
    "aws:index/getAvailabilityZones:getAvailabilityZones": availability_zones,
    "aws:eks/getCluster:getCluster": cluster,
    "aws:eks/getAddon:getAddon": addon,
    "aws:route53/getZone:getZone": zone,
    "aws:ec2/getVpc:getVpc": vpc,
    "aws:ec2/getSubnet:getSubnet": subnet,
    "aws:ebs/getDefaultKmsKey:getDefaultKmsKey": default_kms_key,
}
