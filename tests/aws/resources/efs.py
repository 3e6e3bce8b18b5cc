"""EFS: file systems, where they are reached, their backups and policies."""

import uuid

from tests.aws.resources.kind import (
    HANDLED,
    Block,
    Call,
    Field,
    Handled,
    Inputs,
    Kind,
    Unrehearsed,
    as_json,
    fields_of,
    known,
    parameters,
    tag_list,
    tags_gone,
)

_LIFECYCLE: dict[str, Field] = {
    "transitionToArchive": "TransitionToArchive",
    "transitionToIa": "TransitionToIA",
    "transitionToPrimaryStorageClass": "TransitionToPrimaryStorageClass",
}


class FileSystem(Kind):
    resource_type = "aws:efs/fileSystem:FileSystem"
    fields = known(
        {
            **fields_of("creationToken", "encrypted", "kmsKeyId", "performanceMode", "throughputMode"),
            "lifecyclePolicies": Handled(_LIFECYCLE),
        }
    )
    replaces = frozenset({"creationToken", "encrypted", "kmsKeyId", "performanceMode"})
    computed = ("arn", "dnsName", "ownerId")
    tagged = True

    def create(self, call: Call) -> str:
        request = parameters(self.fields, call.inputs)
        # AWS takes two requests of one token for one; the real provider makes a token up.
        request.setdefault("CreationToken", f"pulumi-{uuid.uuid4()}")
        made = call.client("efs").create_file_system(**request, Tags=tag_list(call.tags))
        call.id = made["FileSystemId"]
        self._age(call)
        return call.id

    def _age(self, call: Call) -> None:
        if call.changed("lifecyclePolicies"):
            call.client("efs").put_lifecycle_configuration(
                FileSystemId=call.id,
                LifecyclePolicies=[
                    parameters(_LIFECYCLE, policy) for policy in call.inputs.get("lifecyclePolicies", [])
                ],
            )

    def update(self, call: Call) -> None:
        if call.changed("throughputMode"):
            raise Unrehearsed("another throughputMode is not rehearsed")
        self._age(call)
        efs = call.client("efs")
        if gone := tags_gone(call):
            efs.untag_resource(ResourceId=call.id, TagKeys=gone)
        if call.tags:
            efs.tag_resource(ResourceId=call.id, Tags=tag_list(call.tags))

    def read(self, call: Call) -> Inputs:
        found = call.client("efs").describe_file_systems(FileSystemId=call.id)["FileSystems"][0]
        return {
            "arn": found["FileSystemArn"],
            "dnsName": f"{call.id}.efs.{call.region}.amazonaws.com",
            "ownerId": found["OwnerId"],
        }

    def delete(self, call: Call) -> None:
        call.client("efs").delete_file_system(FileSystemId=call.id)


class MountTarget(Kind):
    resource_type = "aws:efs/mountTarget:MountTarget"
    fields = fields_of("fileSystemId", "ipAddress", "securityGroups", "subnetId")
    replaces = frozenset({"fileSystemId", "ipAddress", "subnetId"})
    computed = ("availabilityZoneName", "dnsName", "fileSystemArn", "networkInterfaceId", "ownerId")

    def create(self, call: Call) -> str:
        made = call.client("efs").create_mount_target(**parameters(self.fields, call.inputs))
        return str(made["MountTargetId"])

    def update(self, call: Call) -> None:
        call.client("efs").modify_mount_target_security_groups(
            MountTargetId=call.id, SecurityGroups=call.inputs["securityGroups"]
        )

    def read(self, call: Call) -> Inputs:
        efs = call.client("efs")
        found = efs.describe_mount_targets(MountTargetId=call.id)["MountTargets"][0]
        system = efs.describe_file_systems(FileSystemId=found["FileSystemId"])["FileSystems"][0]
        return {
            "availabilityZoneName": found["AvailabilityZoneName"],
            "dnsName": f"{found['FileSystemId']}.efs.{call.region}.amazonaws.com",
            "fileSystemArn": system["FileSystemArn"],
            "networkInterfaceId": found["NetworkInterfaceId"],
            "ownerId": found["OwnerId"],
        }

    def delete(self, call: Call) -> None:
        call.client("efs").delete_mount_target(MountTargetId=call.id)


class BackupPolicy(Kind):
    resource_type = "aws:efs/backupPolicy:BackupPolicy"
    fields = known({"backupPolicy": Block("BackupPolicy", fields_of("status")), **fields_of("fileSystemId")})
    replaces = frozenset({"fileSystemId"})

    def create(self, call: Call) -> str:
        self.update(call)
        return str(call.inputs["fileSystemId"])

    def update(self, call: Call) -> None:
        call.client("efs").put_backup_policy(**parameters(self.fields, call.inputs))

    def read(self, call: Call) -> Inputs:
        call.client("efs").describe_backup_policy(FileSystemId=call.inputs["fileSystemId"])
        return {}

    def delete(self, call: Call) -> None:
        call.client("efs").put_backup_policy(
            FileSystemId=call.inputs["fileSystemId"], BackupPolicy={"Status": "DISABLED"}
        )


class FileSystemPolicy(Kind):
    resource_type = "aws:efs/fileSystemPolicy:FileSystemPolicy"
    fields = known({**fields_of("fileSystemId"), "policy": HANDLED})
    replaces = frozenset({"fileSystemId"})

    def create(self, call: Call) -> str:
        self.update(call)
        return str(call.inputs["fileSystemId"])

    def update(self, call: Call) -> None:
        call.client("efs").put_file_system_policy(
            FileSystemId=call.inputs["fileSystemId"], Policy=as_json(call.inputs["policy"])
        )

    def read(self, call: Call) -> Inputs:
        call.client("efs").describe_file_system_policy(FileSystemId=call.inputs["fileSystemId"])
        return {}

    def delete(self, call: Call) -> None:
        call.client("efs").delete_file_system_policy(FileSystemId=call.inputs["fileSystemId"])


ALL: list[Kind] = [FileSystem(), MountTarget(), BackupPolicy(), FileSystemPolicy()]
