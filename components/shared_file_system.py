"""An EFS file system for volumes that several nodes mount at once, and the storage class that makes them.

Refuses to be mounted without TLS, or from anything that is not a node of the cluster. Refuses to have no subnet, and,
where the files are to be kept, to depend on anything as a whole: a destroy that leaves out what is protected also
leaves its parent, and all that the parent depends on.

- Elastic throughput, general purpose (the only pair that both scales by itself and answers within a millisecond):
  https://docs.aws.amazon.com/efs/latest/ug/performance.html
- The file system's policy, TLS, mount targets: https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
- Lifecycle: https://docs.aws.amazon.com/efs/latest/ug/lifecycle-management-efs.html
- Backups, daily, kept for 35 days: https://docs.aws.amazon.com/efs/latest/ug/awsbackup.html
- The class's parameters: https://github.com/kubernetes-sigs/aws-efs-csi-driver/blob/master/docs/parameters.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.storage_backend import EFS_STORAGE_CLASS

_NFS_PORT: Final = 2049


@dataclass(frozen=True, kw_only=True)
class SharedFileSystemArgs:
    """What an environment decides about its file system."""

    vpc_id: pulumi.Input[str]
    subnet_ids: Mapping[str, pulumi.Input[str]]
    """The nodes' subnets, one a zone (EFS takes no second mount target in a zone), by a name that stays: the zone's."""

    client_security_group_id: pulumi.Input[str]
    """The security group of the nodes."""

    user: int
    """Numeric user and group that the files belong to: the engine's."""

    keep: bool
    """Whether Pulumi refuses to delete the file system, backs it up, and keeps a volume whose claim is gone."""

    after: Sequence[pulumi.Resource] = ()
    """What must be on the cluster before the storage class, and stay until it is gone: the CSI driver, nodes."""


class SharedFileSystem(pulumi.ComponentResource):
    """An encrypted file system, a mount target in each zone, and the class that gives each claim a directory.

    A volume has no size of its own: what a claim asks for limits nothing, and it cannot be made to ask for more.
    """

    storage_class: pulumi.Output[str]
    """Name of the class, for a claim to name."""

    file_system_id: pulumi.Output[str]
    """Of the file system: what is left after a destroy where it is kept."""

    def __init__(self, name: str, args: SharedFileSystemArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:storage:SharedFileSystem", name, None, opts)
        if not args.subnet_ids:
            raise ValueError(
                f"{name}: without a subnet there is no mount target, and no node reaches the files."
            )
        if args.keep and opts is not None and opts.depends_on:
            raise ValueError(f"{name}: what is kept would keep all that it depends on: name that in `after`.")
        file_system = self._file_system(name, args)
        self._policy(name, args, file_system)
        if args.keep:
            self._backups(name, file_system)
        group = self._security_group(name, args)
        targets = self._mount_targets(name, args, file_system, group)
        self.storage_class = self._storage_class(name, args, file_system, targets)
        self.file_system_id = file_system.id
        self.register_outputs({"storage_class": self.storage_class, "file_system_id": self.file_system_id})

    def _file_system(self, name: str, args: SharedFileSystemArgs) -> aws.efs.FileSystem:
        return aws.efs.FileSystem(
            f"{name}-file-system",
            encrypted=True,
            performance_mode="generalPurpose",
            throughput_mode="elastic",
            # A file that nobody has read for a month costs a tenth in the infrequent class. It comes back at the first
            # read, since each further one would be charged: weights are read again at every start of a pod.
            lifecycle_policies=[
                aws.efs.FileSystemLifecyclePolicyArgs(transition_to_ia="AFTER_30_DAYS"),
                aws.efs.FileSystemLifecyclePolicyArgs(transition_to_primary_storage_class="AFTER_1_ACCESS"),
            ],
            opts=self._kept(args),
        )

    def _policy(self, name: str, args: SharedFileSystemArgs, file_system: aws.efs.FileSystem) -> None:
        aws.efs.FileSystemPolicy(
            f"{name}-policy",
            file_system_id=file_system.id,
            policy=pulumi.Output.json_dumps(_policy_document(file_system.arn, as_root=args.user == 0)),
            opts=self._kept(args),
        )

    def _backups(self, name: str, file_system: aws.efs.FileSystem) -> None:
        aws.efs.BackupPolicy(
            f"{name}-backups",
            file_system_id=file_system.id,
            backup_policy=aws.efs.BackupPolicyBackupPolicyArgs(status="ENABLED"),
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )

    def _security_group(self, name: str, args: SharedFileSystemArgs) -> aws.ec2.SecurityGroup:
        # No rule for what goes out: a mount target only answers, and the provider takes AWS's own rule away.
        group = aws.ec2.SecurityGroup(
            f"{name}-mount-targets",
            description="Mount targets of the speech service's file system",
            vpc_id=args.vpc_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-nfs",
            description="NFS from the cluster's nodes",
            security_group_id=group.id,
            referenced_security_group_id=args.client_security_group_id,
            ip_protocol="tcp",
            from_port=_NFS_PORT,
            to_port=_NFS_PORT,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return group

    def _mount_targets(
        self,
        name: str,
        args: SharedFileSystemArgs,
        file_system: aws.efs.FileSystem,
        group: aws.ec2.SecurityGroup,
    ) -> list[aws.efs.MountTarget]:
        return [
            aws.efs.MountTarget(
                f"{name}-mount-target-{place}",
                file_system_id=file_system.id,
                subnet_id=subnet_id,
                security_groups=[group.id],
                # A zone has room for one.
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
            for place, subnet_id in args.subnet_ids.items()
        ]

    def _storage_class(
        self,
        name: str,
        args: SharedFileSystemArgs,
        file_system: aws.efs.FileSystem,
        targets: Sequence[aws.efs.MountTarget],
    ) -> pulumi.Output[str]:
        resource = kubernetes.storage.v1.StorageClass(
            f"{name}-storage-class",
            metadata={"name": EFS_STORAGE_CLASS},
            provisioner="efs.csi.aws.com",
            parameters={
                # An access point a claim: whoever mounts it sees its directory only, and is `user`, whoever it says.
                "provisioningMode": "efs-ap",
                "fileSystemId": file_system.id,
                "basePath": "/",
                "directoryPerms": "700",
                "uid": str(args.user),
                "gid": str(args.user),
            },
            # No mount options: the driver's own have TLS, and with `iam` every pod would be the driver's one identity,
            # which tells no client from another.
            volume_binding_mode="Immediate",
            reclaim_policy="Retain" if args.keep else "Delete",
            # Whoever has a volume of this class mounts it, and a mount needs a target in its node's zone.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*targets, *args.after]),
        )
        return resource.metadata["name"]

    def _kept(self, args: SharedFileSystemArgs) -> pulumi.ResourceOptions:
        # A destroy that leaves out what is protected also leaves all that this depends on: so not the network.
        return pulumi.ResourceOptions(parent=self, protect=args.keep)


def _policy_document(arn: pulumi.Output[str], *, as_root: bool) -> dict[str, Any]:
    """Without a statement that allows, a file system with a policy is closed to clients that mount without IAM."""
    allowed = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    if as_root:
        # EFS takes root's rights away otherwise, also from an access point whose user is root.
        allowed.append("elasticfilesystem:ClientRootAccess")
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "FromMountTargets",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": allowed,
                "Resource": arn,
                "Condition": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
            },
            {
                "Sid": "NeverInClear",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "*",
                "Resource": arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }
