"""EKS: the cluster, who may enter it, its add-ons, its node groups, its pods' identities."""

from typing import Any

from tests.aws import csi_drivers
from tests.aws.resources.kind import (
    HANDLED,
    Block,
    Call,
    Field,
    Gone,
    Handled,
    Inputs,
    Kind,
    known,
    parameters,
    tags_gone,
)


def same(*names: str) -> dict[str, Field]:
    """EKS's parameters begin with a small letter, as the properties do."""
    return {name: name for name in names}


_LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")


class EksKind(Kind):
    tagged = True

    def retag(self, call: Call, arn: str) -> None:
        eks = call.client("eks")
        if gone := tags_gone(call):
            eks.untag_resource(resourceArn=arn, tagKeys=gone)
        if call.tags and call.tags != call.old_tags:
            eks.tag_resource(resourceArn=arn, tags=call.tags)


class Cluster(EksKind):
    resource_type = "aws:eks/cluster:Cluster"
    fields = known(
        {
            **same("bootstrapSelfManagedAddons", "deletionProtection", "name", "roleArn", "version"),
            "accessConfig": Block(
                "accessConfig", same("authenticationMode", "bootstrapClusterCreatorAdminPermissions")
            ),
            "enabledClusterLogTypes": HANDLED,
            "encryptionConfig": Handled({"provider": Handled(same("keyArn")), **same("resources")}),
            "kubernetesNetworkConfig": Block("kubernetesNetworkConfig", same("ipFamily", "serviceIpv4Cidr")),
            "upgradePolicy": Block("upgradePolicy", same("supportType")),
            "vpcConfig": Block(
                "resourcesVpcConfig",
                same(
                    "endpointPrivateAccess",
                    "endpointPublicAccess",
                    "publicAccessCidrs",
                    "securityGroupIds",
                    "subnetIds",
                ),
            ),
            "zonalShiftConfig": Block("zonalShiftConfig", same("enabled")),
        }
    )
    replaces = frozenset(
        {
            "accessConfig.bootstrapClusterCreatorAdminPermissions",
            "bootstrapSelfManagedAddons",
            "encryptionConfig",
            "kubernetesNetworkConfig",
            "name",
            "roleArn",
        }
    )
    computed = (
        "arn",
        "certificateAuthority",
        "createdAt",
        "endpoint",
        "identities",
        "platformVersion",
        "status",
        "vpcConfig.clusterSecurityGroupId",
        "vpcConfig.vpcId",
    )
    auto_name = "name"
    name_length = 100

    def create(self, call: Call) -> str:
        request = parameters(self.fields, call.inputs)
        if "enabledClusterLogTypes" in call.inputs:
            request["logging"] = _logging(call.inputs["enabledClusterLogTypes"])
        if "encryptionConfig" in call.inputs:
            request["encryptionConfig"] = [call.inputs["encryptionConfig"]]
        call.client("eks").create_cluster(**request, tags=call.tags)
        return str(call.inputs["name"])

    def read(self, call: Call) -> Inputs:
        found = call.client("eks").describe_cluster(name=call.id)["cluster"]
        return {
            "arn": found["arn"],
            "certificateAuthority": {"data": found["certificateAuthority"]["data"]},
            "createdAt": found["createdAt"].isoformat(),
            "endpoint": found["endpoint"],
            "identities": [{"oidcs": [{"issuer": found["identity"]["oidc"]["issuer"]}]}],
            "platformVersion": found["platformVersion"],
            "status": found["status"],
            "version": found["version"],
            "vpcConfig.clusterSecurityGroupId": found["resourcesVpcConfig"]["clusterSecurityGroupId"],
            "vpcConfig.vpcId": found["resourcesVpcConfig"]["vpcId"],
        }

    def update(self, call: Call) -> None:
        eks = call.client("eks")
        if call.changed("version"):
            eks.update_cluster_version(name=call.id, version=call.inputs["version"])
        request = parameters(self.fields, call.inputs)
        for name in ("accessConfig", "deletionProtection", "upgradePolicy", "vpcConfig", "zonalShiftConfig"):
            if call.changed(name):
                known = self.fields[name]
                key = known.name if isinstance(known, Block) else name
                # AWS takes one sort of change a call.
                eks.update_cluster_config(name=call.id, **{key: request.get(key, False)})
        if call.changed("enabledClusterLogTypes"):
            eks.update_cluster_config(
                name=call.id, logging=_logging(call.inputs.get("enabledClusterLogTypes", []))
            )
        self.retag(call, call.state["arn"])

    def delete(self, call: Call) -> None:
        call.client("eks").delete_cluster(name=call.id)


def _logging(types: list[str]) -> dict[str, Any]:
    off = [name for name in _LOG_TYPES if name not in types]
    entries = [{"types": types, "enabled": True}, {"types": off, "enabled": False}]
    return {"clusterLogging": [entry for entry in entries if entry["types"]]}


class AccessEntry(EksKind):
    resource_type = "aws:eks/accessEntry:AccessEntry"
    fields = known(
        {
            **same("clusterName", "kubernetesGroups", "principalArn", "type"),
            "userName": "username",
        }
    )
    replaces = frozenset({"clusterName", "principalArn", "type"})
    computed = ("accessEntryArn", "createdAt", "modifiedAt")

    def create(self, call: Call) -> str:
        call.client("eks").create_access_entry(**parameters(self.fields, call.inputs), tags=call.tags)
        return f"{call.inputs['clusterName']}:{call.inputs['principalArn']}"

    def _key(self, call: Call) -> dict[str, str]:
        return {"clusterName": call.inputs["clusterName"], "principalArn": call.inputs["principalArn"]}

    def read(self, call: Call) -> Inputs:
        found = call.client("eks").describe_access_entry(**self._key(call))["accessEntry"]
        return {
            "accessEntryArn": found["accessEntryArn"],
            "createdAt": found["createdAt"].isoformat(),
            "modifiedAt": found["modifiedAt"].isoformat(),
        }

    def update(self, call: Call) -> None:
        if call.changed("kubernetesGroups", "userName"):
            request = parameters(self.fields, call.inputs)
            request.pop("type", None)
            call.client("eks").update_access_entry(**request)
        self.retag(call, call.state["accessEntryArn"])

    def delete(self, call: Call) -> None:
        call.client("eks").delete_access_entry(**self._key(call))


class AccessPolicyAssociation(Kind):
    resource_type = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
    fields = known(
        {
            **same("clusterName", "policyArn", "principalArn"),
            "accessScope": Block("accessScope", same("namespaces", "type")),
        }
    )
    updates = False
    computed = ("associatedAt", "modifiedAt")

    def create(self, call: Call) -> str:
        call.client("eks").associate_access_policy(**parameters(self.fields, call.inputs))
        return "#".join(call.inputs[name] for name in ("clusterName", "principalArn", "policyArn"))

    def read(self, call: Call) -> Inputs:
        found = call.client("eks").list_associated_access_policies(
            clusterName=call.inputs["clusterName"], principalArn=call.inputs["principalArn"]
        )["associatedAccessPolicies"]
        for policy in found:
            if policy["policyArn"] == call.inputs["policyArn"]:
                return {
                    "associatedAt": policy["associatedAt"].isoformat(),
                    "modifiedAt": policy["modifiedAt"].isoformat(),
                }
        raise Gone

    def delete(self, call: Call) -> None:
        call.client("eks").disassociate_access_policy(
            **{name: call.inputs[name] for name in ("clusterName", "principalArn", "policyArn")}
        )


class Addon(EksKind):
    resource_type = "aws:eks/addon:Addon"
    fields = known(
        {
            **same(
                "addonName", "addonVersion", "clusterName", "configurationValues", "serviceAccountRoleArn"
            ),
            "podIdentityAssociations": Block("podIdentityAssociations", same("roleArn", "serviceAccount")),
            "preserve": HANDLED,
            "resolveConflictsOnCreate": HANDLED,
            "resolveConflictsOnUpdate": HANDLED,
        }
    )
    replaces = frozenset({"addonName", "clusterName"})
    computed = ("arn", "createdAt", "modifiedAt")

    def _key(self, call: Call) -> dict[str, str]:
        return {"clusterName": call.inputs["clusterName"], "addonName": call.inputs["addonName"]}

    def create(self, call: Call) -> str:
        request = parameters(self.fields, call.inputs)
        if "resolveConflictsOnCreate" in call.inputs:
            request["resolveConflicts"] = call.inputs["resolveConflictsOnCreate"]
        call.client("eks").create_addon(**request, tags=call.tags)
        csi_drivers.install(call.inputs["addonName"])
        return f"{call.inputs['clusterName']}:{call.inputs['addonName']}"

    def read(self, call: Call) -> Inputs:
        found = call.client("eks").describe_addon(**self._key(call))["addon"]
        return {
            "addonVersion": found["addonVersion"],
            "arn": found["addonArn"],
            "createdAt": found["createdAt"].isoformat(),
            "modifiedAt": found["modifiedAt"].isoformat(),
        }

    def update(self, call: Call) -> None:
        if call.changed(
            "addonVersion", "configurationValues", "serviceAccountRoleArn", "podIdentityAssociations"
        ):
            request = parameters(self.fields, call.inputs)
            if "resolveConflictsOnUpdate" in call.inputs:
                request["resolveConflicts"] = call.inputs["resolveConflictsOnUpdate"]
            call.client("eks").update_addon(**request)
        self.retag(call, call.state["arn"])

    def delete(self, call: Call) -> None:
        keep = bool(call.inputs.get("preserve"))
        call.client("eks").delete_addon(**self._key(call), preserve=keep)
        if not keep:
            csi_drivers.remove(call.inputs["addonName"])


class PodIdentityAssociation(EksKind):
    resource_type = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
    fields = same(
        "clusterName", "disableSessionTags", "namespace", "roleArn", "serviceAccount", "targetRoleArn"
    )
    replaces = frozenset({"clusterName", "namespace", "serviceAccount"})
    computed = ("associationArn", "associationId")

    def create(self, call: Call) -> str:
        made = call.client("eks").create_pod_identity_association(
            **parameters(self.fields, call.inputs), tags=call.tags
        )
        return str(made["association"]["associationId"])

    def read(self, call: Call) -> Inputs:
        found = call.client("eks").describe_pod_identity_association(
            clusterName=call.inputs["clusterName"], associationId=call.id
        )["association"]
        return {"associationArn": found["associationArn"], "associationId": call.id}

    def update(self, call: Call) -> None:
        if call.changed("disableSessionTags", "roleArn", "targetRoleArn"):
            request = parameters(self.fields, call.inputs)
            for name in ("namespace", "serviceAccount"):
                del request[name]
            call.client("eks").update_pod_identity_association(**request, associationId=call.id)
        self.retag(call, call.state["associationArn"])

    def delete(self, call: Call) -> None:
        call.client("eks").delete_pod_identity_association(
            clusterName=call.inputs["clusterName"], associationId=call.id
        )


ALL: list[Kind] = [
    Cluster(),
    AccessEntry(),
    AccessPolicyAssociation(),
    Addon(),
    PodIdentityAssociation(),
]
