"""An S3 bucket for what the service speaks, and the volume by which its pods mount it.

The pods write through Mountpoint, which gives them neither renaming nor writing into a file that is there. Refuses
everything that is not HTTPS, and everything public. Refuses, where the outputs are to be kept, to depend on anything as
a whole: a destroy that leaves out what is protected also leaves its parent, and all that the parent depends on.

- Mounting with the pod's own rights, by EKS Pod Identity (driver 2.0 or later, and the Pod Identity agent):
  https://github.com/awslabs/mountpoint-s3-csi-driver/blob/main/docs/CONFIGURATION.md#pod-level-credentials
- The rights that Mountpoint needs: https://github.com/awslabs/mountpoint-s3/blob/main/doc/CONFIGURATION.md#iam-permissions
- Who may take the role on: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
- The storage classes and their days: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
- HTTPS only: https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.storage_backend import outputs_volume_name
from components.tts.rollout import OUTPUTS_CLAIM

_DRIVER: Final = "s3.csi.aws.com"


@dataclass(frozen=True, kw_only=True)
class OutputsBucketArgs:
    """What an environment decides about its bucket."""

    region: str
    """Of the bucket: Mountpoint cannot ask for it where pods have no access to the instance's metadata."""

    cluster_name: pulumi.Input[str]
    namespace: str
    service_account: str
    """With the namespace and the cluster: whose pods may use the bucket."""

    user: int
    """Numeric user and group that the files seem to belong to: the engine's. S3 itself knows no owners."""

    size: str
    """What the claim asks for, as a Kubernetes quantity. It limits nothing: a bucket has no size."""

    keep: bool
    """Whether Pulumi refuses to delete the bucket and its settings. Without it, a destroy deletes what is in it too."""

    after: Sequence[pulumi.Resource] = ()
    """What must be on the cluster before the volume, and stay until it is gone: the CSI driver, the agent, nodes."""


class OutputsBucket(pulumi.ComponentResource):
    """A private, encrypted, versioned bucket, a role for the service's pods, and a volume that only its claim can have.

    An object goes to Standard-IA after 30 days and to Glacier Instant Retrieval after 90, both of which answer at once
    and can therefore still be read through the volume. (S3 moves no object under 128 KiB.) What was deleted or
    overwritten can be had back for 30 days.
    """

    bucket: pulumi.Output[str]
    """Name of the bucket: what is left after a destroy where it is kept."""

    volume_name: pulumi.Output[str]
    """Name of the PersistentVolume, for the claim to name."""

    def __init__(self, name: str, args: OutputsBucketArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:storage:OutputsBucket", name, None, opts)
        if args.keep and opts is not None and opts.depends_on:
            raise ValueError(f"{name}: what is kept would keep all that it depends on: name that in `after`.")
        kept = pulumi.ResourceOptions(parent=self, protect=args.keep)
        bucket = aws.s3.Bucket(f"{name}-bucket", force_destroy=not args.keep, opts=kept)
        self._close(name, bucket, kept)
        self._encrypt(name, bucket, kept)
        self._age(name, bucket, self._keep_versions(name, bucket, kept), kept)
        access = self._access(name, args, bucket)
        self.bucket = bucket.bucket
        self.volume_name = self._volume(name, args, bucket, access)
        self.register_outputs({"bucket": self.bucket, "volume_name": self.volume_name})

    def _close(self, name: str, bucket: aws.s3.Bucket, kept: pulumi.ResourceOptions) -> None:
        closed = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=kept,
        )
        owned = aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            # No access control lists at all: what a policy does not say cannot be said elsewhere.
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=kept,
        )
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=pulumi.Output.json_dumps(_https_only(bucket.arn)),
            # S3 refuses two changes of a bucket's access at the same time.
            opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[closed, owned])),
        )

    def _encrypt(self, name: str, bucket: aws.s3.Bucket, kept: pulumi.ResourceOptions) -> None:
        # By S3's own key. One of KMS would be asked at every file, cost by the request, and take the kept outputs with
        # it when it is deleted, while everyone who may read the bucket could use it all the same. With no KMS there is
        # nothing for a bucket key to save.
        default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="AES256"
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=default
                )
            ],
            opts=kept,
        )

    def _keep_versions(
        self, name: str, bucket: aws.s3.Bucket, kept: pulumi.ResourceOptions
    ) -> aws.s3.BucketVersioning:
        return aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=kept,
        )

    def _age(
        self,
        name: str,
        bucket: aws.s3.Bucket,
        versions: aws.s3.BucketVersioning,
        kept: pulumi.ResourceOptions,
    ) -> None:
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[_cheaper_with_age(), _nothing_half_uploaded()],
            # A rule about versions means nothing until there are any.
            opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[versions])),
        )

    def _access(
        self, name: str, args: OutputsBucketArgs, bucket: aws.s3.Bucket
    ) -> aws.eks.PodIdentityAssociation:
        role = aws.iam.Role(
            f"{name}-role",
            description="The speech service's pods at their outputs bucket",
            assume_role_policy=pulumi.Output.json_dumps(_pods_of(args)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        policy = aws.iam.RolePolicy(
            f"{name}-role-policy",
            role=role.name,
            policy=pulumi.Output.json_dumps(_mountpoint_rights(bucket.arn)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return aws.eks.PodIdentityAssociation(
            f"{name}-pod-identity",
            cluster_name=args.cluster_name,
            namespace=args.namespace,
            service_account=args.service_account,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _volume(
        self,
        name: str,
        args: OutputsBucketArgs,
        bucket: aws.s3.Bucket,
        access: aws.eks.PodIdentityAssociation,
    ) -> pulumi.Output[str]:
        volume_name = outputs_volume_name(args.namespace)
        volume = kubernetes.core.v1.PersistentVolume(
            f"{name}-volume",
            metadata={"name": volume_name},
            spec={
                "capacity": {"storage": args.size},
                "access_modes": ["ReadWriteMany"],
                "storage_class_name": "",
                # Kubernetes would have to delete the bucket otherwise, which the driver cannot.
                "persistent_volume_reclaim_policy": "Retain",
                # Whoever names the volume first has it, unless it says who may. A claim that is deleted and made again
                # is another claim: then the volume has to be made anew too, which loses nothing.
                "claim_ref": {"namespace": args.namespace, "name": OUTPUTS_CLAIM},
                "mount_options": [
                    "allow-other",
                    "allow-delete",
                    f"uid={args.user}",
                    f"gid={args.user}",
                    f"region {args.region}",
                ],
                "csi": {
                    "driver": _DRIVER,
                    # The node mounts each handle once: a second volume of the same handle would get the first's bucket.
                    "volume_handle": volume_name,
                    "volume_attributes": {"bucketName": bucket.bucket, "authenticationSource": "pod"},
                },
            },
            # Credentials are fetched when a pod mounts, and a pod cannot mount before there is a volume.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[access, *args.after]),
        )
        return volume.metadata["name"]


def _cheaper_with_age() -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="cheaper-with-age",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        transitions=[
            aws.s3.BucketLifecycleConfigurationRuleTransitionArgs(days=30, storage_class="STANDARD_IA"),
            aws.s3.BucketLifecycleConfigurationRuleTransitionArgs(days=90, storage_class="GLACIER_IR"),
        ],
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=30
        ),
    )


def _nothing_half_uploaded() -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    """A pod that dies in the middle of a file leaves parts that no listing shows, and that are paid for."""
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="nothing-half-uploaded",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=7
        ),
    )


def _https_only(arn: pulumi.Output[str]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "NeverInClear",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, pulumi.Output.concat(arn, "/*")],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def _pods_of(args: OutputsBucketArgs) -> dict[str, Any]:
    """The agent says for whom it asks, in tags: so no other association can take this role on."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {
                    "StringEquals": {
                        "aws:RequestTag/eks-cluster-name": args.cluster_name,
                        "aws:RequestTag/kubernetes-namespace": args.namespace,
                        "aws:RequestTag/kubernetes-service-account": args.service_account,
                    }
                },
            }
        ],
    }


def _mountpoint_rights(arn: pulumi.Output[str]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [arn]},
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"],
                "Resource": [pulumi.Output.concat(arn, "/*")],
            },
        ],
    }
