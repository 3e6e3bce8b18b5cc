"""What the shared file system registers, seen by a recording engine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pulumi
import pytest

from components.shared_file_system import SharedFileSystem, SharedFileSystemArgs
from components.storage_backend import EFS_STORAGE_CLASS
from tests.support.recording import Recorded, Recording, record

ARGS = SharedFileSystemArgs(
    vpc_id="vpc-traced",
    subnet_ids={"eu-west-1a": "subnet-traced-a", "eu-west-1b": "subnet-traced-b"},
    client_security_group_id="sg-traced",
    user=1000,
    keep=True,
)

FILE_SYSTEM = "aws:efs/fileSystem:FileSystem"
POLICY = "aws:efs/fileSystemPolicy:FileSystemPolicy"
BACKUPS = "aws:efs/backupPolicy:BackupPolicy"
TARGET = "aws:efs/mountTarget:MountTarget"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"

KEPT = {FILE_SYSTEM, POLICY, BACKUPS}


@dataclass
class Seen:
    recording: Recording
    options: dict[str, pulumi.ResourceOptions] = field(default_factory=dict[str, pulumi.ResourceOptions])
    """Of each resource, by its logical name."""

    def all(self, token: str) -> list[Recorded]:
        return [item for item in self.recording.resources if item.type == token]

    def one(self, token: str) -> Mapping[str, Any]:
        (found,) = self.all(token)
        return found.inputs

    def protected(self) -> set[str]:
        return {item.type for item in self.recording.resources if self._options(item.name).protect}

    def before(self, name: str) -> set[str]:
        """Names of what a resource is told to come after."""
        depends_on: Any = self._options(name).depends_on or []
        return {resource._name for resource in depends_on}

    def _options(self, name: str) -> pulumi.ResourceOptions:
        return self.options.get(name, pulumi.ResourceOptions())

    @property
    def storage_class(self) -> Any:
        return self.recording.object("StorageClass", EFS_STORAGE_CLASS)

    def statement(self, sid: str) -> Any:
        statements = json.loads(self.one(POLICY)["policy"])["Statement"]
        (found,) = [item for item in statements if item["Sid"] == sid]
        return found


def file_system(*, as_a_whole: bool = False, **changes: Any) -> Seen:
    """After the CSI driver: what must be, or, against advice, all of it."""
    options: dict[str, pulumi.ResourceOptions] = {}

    def note(seen: pulumi.ResourceTransformationArgs) -> None:
        options[seen.name] = seen.opts

    def program() -> None:
        driver = pulumi.ComponentResource("test:Driver", "driver")
        args = replace(ARGS, after=[] if as_a_whole else [driver], **changes)
        whole = [driver] if as_a_whole else None
        SharedFileSystem("files", args, pulumi.ResourceOptions(transformations=[note], depends_on=whole))

    return Seen(record(program), options)


class TestFiles:
    def test_they_are_encrypted(self) -> None:
        assert file_system().one(FILE_SYSTEM)["encrypted"] is True

    def test_throughput_follows_the_load(self) -> None:
        found = file_system().one(FILE_SYSTEM)
        assert (found["throughputMode"], found["performanceMode"]) == ("elastic", "generalPurpose"), (
            "bursting throughput grows with what is stored: a nearly empty file system loads a model for an hour"
        )

    def test_what_is_not_read_gets_cheap_and_comes_back_when_it_is(self) -> None:
        assert file_system().one(FILE_SYSTEM)["lifecyclePolicies"] == [
            {"transitionToIa": "AFTER_30_DAYS"},
            {"transitionToPrimaryStorageClass": "AFTER_1_ACCESS"},
        ], "without the way back, each start of a pod pays for reading its weights"


class TestReach:
    def test_every_zone_has_a_mount_target(self) -> None:
        found = {item.inputs["subnetId"] for item in file_system().all(TARGET)}
        assert found == {"subnet-traced-a", "subnet-traced-b"}, "a pod in a zone without one cannot mount"

    def test_only_the_nodes_reach_it_and_only_by_nfs(self) -> None:
        seen = file_system()
        rule = seen.one(RULE)
        assert rule["referencedSecurityGroupId"] == "sg-traced", "any machine in the network could mount it"
        assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 2049, 2049)
        assert not {"ingress", "egress"} & set(seen.one(GROUP)), "rules in two places take each other away"
        groups = [item.inputs["securityGroups"] for item in seen.all(TARGET)]
        assert groups == [["files-mount-targets-id"]] * 2, "EFS gives the network's default group otherwise"

    def test_nobody_mounts_in_clear(self) -> None:
        deny = file_system().statement("NeverInClear")
        assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", {"AWS": "*"}, "*")
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_mounting_goes_through_a_mount_target(self) -> None:
        allow = file_system().statement("FromMountTargets")
        assert allow["Condition"] == {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}}, (
            "the principal is anybody: what keeps strangers out is the network"
        )

    @pytest.mark.parametrize(("user", "granted"), [(1000, False), (0, True)])
    def test_root_only_where_the_engine_is_root(self, user: int, granted: bool) -> None:
        actions = file_system(user=user).statement("FromMountTargets")["Action"]
        assert ("elasticfilesystem:ClientRootAccess" in actions) is granted, (
            "nobody else needs it, and an engine that runs as root cannot write without it"
        )

    def test_without_a_subnet_it_is_refused(self) -> None:
        with pytest.raises(ValueError, match="without a subnet"):
            file_system(subnet_ids={})


class TestVolumes:
    def test_each_claim_sees_its_own_directory_as_the_engines_user(self) -> None:
        assert file_system().storage_class["parameters"] == {
            "provisioningMode": "efs-ap",
            "fileSystemId": "files-file-system-id",
            "basePath": "/",
            "directoryPerms": "700",
            "uid": "1000",
            "gid": "1000",
        }, "the directory would belong to a user that the engine is not"

    def test_tls_is_not_switched_off(self) -> None:
        found = file_system().storage_class
        assert "encryptInTransit" not in found["parameters"]
        assert "mountOptions" not in found, "the driver warns at `tls`, which is its default"

    def test_their_class_comes_after_the_mount_targets_and_the_driver(self) -> None:
        assert file_system().before("files-storage-class") == {
            "files-mount-target-eu-west-1a",
            "files-mount-target-eu-west-1b",
            "driver",
        }, (
            "the first pod would wait for a mount that times out, and the last one's volume would not be deleted"
        )

    @pytest.mark.parametrize(("keep", "policy"), [(True, "Retain"), (False, "Delete")])
    def test_one_outlives_its_claim_where_it_is_to_be_kept(self, keep: bool, policy: str) -> None:
        assert file_system(keep=keep).storage_class["reclaimPolicy"] == policy


class TestKeeping:
    def test_what_is_kept_is_protected_and_backed_up(self) -> None:
        seen = file_system(keep=True)
        assert seen.protected() == KEPT, (
            "more than the data: mount targets hold on to the network, and a destroy would never end; "
            "less: a destroy takes every utterance with it"
        )
        assert seen.one(BACKUPS)["backupPolicy"] == {"status": "ENABLED"}

    def test_what_is_not_kept_is_neither(self) -> None:
        seen = file_system(keep=False)
        assert seen.protected() == set()
        assert not seen.all(BACKUPS), "the copies stay for 35 days after the file system, and cost"

    def test_what_is_kept_depends_on_nothing_that_goes(self) -> None:
        seen = file_system(keep=True)
        for item in seen.recording.resources:
            if item.type in KEPT:
                assert "traced" not in json.dumps(item.inputs), "a destroy would keep the network for it"
                assert not seen.before(item.name)

    def test_after_something_as_a_whole_is_refused(self) -> None:
        with pytest.raises(ValueError, match="keep all that it depends on"):
            file_system(keep=True, as_a_whole=True)
        assert not file_system(keep=False, as_a_whole=True).protected(), "nothing is kept: no harm in it"
