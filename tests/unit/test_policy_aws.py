"""The rules of what is on AWS, each with resources that keep it and resources that break it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from policy.gpu import GPU
from policy.model import UNKNOWN, Resource
from tests.support.policy import Example, aws, judge, kubernetes

TEMPLATE, CLUSTER = "ec2/launchTemplate:LaunchTemplate", "eks/cluster:Cluster"
INGRESS, GROUP = "vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ec2/securityGroup:SecurityGroup"
ROLE_POLICY, ROLE = "iam/rolePolicy:RolePolicy", "iam/role:Role"
ATTACHMENT = "iam/rolePolicyAttachment:RolePolicyAttachment"
BALANCER = "lb/loadBalancer:LoadBalancer"
EDGE = "aws-edge-from-anywhere-https"
OURS = {"project": "tts-platform", "stack": "prod", "owner": "the team"}


def nodes(ami: str, *taints: Mapping[str, str]) -> Resource:
    return aws("eks/nodeGroup:NodeGroup", {"amiType": ami, "taints": list(taints)})


def template(**properties: Any) -> Resource:
    return aws(TEMPLATE, properties)


def endpoint(**network: Any) -> Resource:
    return aws(CLUSTER, {"vpcConfig": network})


def opened(first: int, last: int, cidr: object = "0.0.0.0/0", name: str = EDGE, **more: Any) -> Resource:
    rule = {"cidrIpv4": cidr, "fromPort": first, "toPort": last, "ipProtocol": "tcp", **more}
    return aws(INGRESS, rule, name=name)


def allowing(**statement: Any) -> Resource:
    document = {"Statement": [{"Effect": "Allow", "Resource": "arn:aws:s3:::one", **statement}]}
    return aws(ROLE_POLICY, {"policy": json.dumps(document)})


def policy_of(kind: str, **statement: Any) -> Resource:
    return aws(
        kind,
        {"policy": json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", **statement}})},
    )


def storage_class(provisioner: str = "ebs.csi.aws.com", **parameters: str) -> Resource:
    return Resource(
        type="kubernetes:storage.k8s.io/v1:StorageClass",
        name="it",
        properties={"provisioner": provisioner, **({"parameters": parameters} if parameters else {})},
    )


def bucket(name: object = "mine") -> Resource:
    return aws("s3/bucket:Bucket", {"bucket": name})


def of_bucket(kind: str, name: object = "mine", dependencies: tuple[str, ...] = (), **more: Any) -> Resource:
    type_ = f"s3/{kind[0].lower()}{kind[1:]}:{kind}"
    return aws(type_, {"bucket": name, **more}, dependencies=dependencies)


CLOSED: dict[str, Any] = dict.fromkeys(
    ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
)
DISK: Mapping[str, Any] = {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}
PROTECTED = [
    aws("efs/fileSystem:FileSystem", {}, protect=True),
    kubernetes("PersistentVolumeClaim", {}, protect=True),
    kubernetes("Namespace", {"metadata": {"name": "argocd", "namespace": ""}}),
    kubernetes("PersistentVolumeClaim", {}, urn="urn:pulumi:dev::it::PersistentVolumeClaim::it"),
]

EXAMPLES = [
    Example(
        "gpu-node-taint",
        "with the taint, and without GPUs",
        [
            nodes("AL2023_x86_64_NVIDIA", {"key": GPU, "effect": "NO_SCHEDULE"}),
            nodes("AL2023_x86_64_STANDARD"),
        ],
    ),
    Example(
        "gpu-node-taint",
        "without, and with another",
        [
            nodes("AL2023_x86_64_NVIDIA"),
            nodes("AL2023_x86_64_NVIDIA", {"key": "other", "effect": "NO_SCHEDULE"}),
        ],
        ["The nodes have GPUs, and no taint keeps other pods off them."] * 2,
    ),
    Example(
        "gpu-node-taint",
        "one that the scheduler only prefers to heed, and nothing said of taints",
        [
            nodes("BOTTLEROCKET_x86_64_NVIDIA", {"key": GPU, "effect": "PREFER_NO_SCHEDULE"}),
            aws("eks/nodeGroup:NodeGroup", {"amiType": "AL2023_x86_64_NVIDIA"}),
        ],
        ["The nodes have GPUs, and no taint keeps other pods off them."] * 2,
    ),
    Example(
        "security-group-world",
        "a rule of the older kind",
        [
            aws(
                "ec2/securityGroupRule:SecurityGroupRule",
                {"type": "ingress", "cidrBlocks": ["0.0.0.0/0"], "fromPort": 22, "toPort": 22},
            )
        ],
        ["0.0.0.0/0 reaches port 22."],
    ),
    Example(
        "imdsv2",
        "version 2, and none",
        [
            template(metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 1.0}),
            template(metadataOptions={"httpEndpoint": "disabled"}),
        ],
    ),
    Example(
        "imdsv2",
        "nothing said, and too far",
        [template(), template(metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 2})],
        ["The instances answer IMDSv1.", "The instances' metadata is within reach of their pods."],
    ),
    Example(
        "cluster-endpoint",
        "a network of ours, and a private one",
        [endpoint(publicAccessCidrs=["198.51.100.0/24"]), endpoint(endpointPublicAccess=False)],
    ),
    Example(
        "cluster-endpoint",
        "the world, half of it, and nothing said",
        [endpoint(publicAccessCidrs=["0.0.0.0/0"]), endpoint(publicAccessCidrs=["0.0.0.0/1"]), endpoint()],
        [
            "The cluster's API answers 0.0.0.0/0.",
            "The cluster's API answers 0.0.0.0/1.",
            "The cluster's API answers 0.0.0.0/0.",
        ],
    ),
    Example(
        "security-group-world",
        "the edge's ports, a network of ours, another group",
        [
            opened(443, 443),
            opened(80, 80),
            opened(22, 22, "10.0.0.0/8", "it"),
            aws(INGRESS, {"referencedSecurityGroupId": UNKNOWN, "fromPort": 22, "toPort": 22}),
            aws(GROUP, {"ingress": []}),
            aws("ec2/securityGroupRule:SecurityGroupRule", {"type": "egress", "cidrBlocks": ["0.0.0.0/0"]}),
        ],
    ),
    Example(
        "security-group-world",
        "another port, a range around 443, 443 of another, IPv6, a rule in the group",
        [
            opened(22, 22),
            opened(80, 443),
            opened(443, 443, name="it"),
            aws(INGRESS, {"cidrIpv6": "::/0", "fromPort": 22, "toPort": 22, "ipProtocol": "tcp"}),
            aws(GROUP, {"ingress": [{"cidrBlocks": ["0.0.0.0/0"], "fromPort": 0, "toPort": 65535}]}),
        ],
        [
            "0.0.0.0/0 reaches port 22.",
            "0.0.0.0/0 reaches ports 80 to 443.",
            "0.0.0.0/0 reaches port 443.",
            "::/0 reaches port 22.",
            "0.0.0.0/0 reaches ports 0 to 65535.",
        ],
    ),
    Example(
        "security-group-world",
        "every port of every protocol, and UDP at the edge",
        [
            aws(INGRESS, {"cidrIpv4": "0.0.0.0/0", "ipProtocol": "-1"}, name=EDGE),
            opened(443, 443, ipProtocol="udp"),
        ],
        ["0.0.0.0/0 reaches every port.", "0.0.0.0/0 reaches port 443."],
    ),
    Example(
        "load-balancer-public",
        "an internal one, and the edge's",
        [aws(BALANCER, {"internal": True}), aws(BALANCER, {"internal": False}, name="aws-edge-nlb")],
    ),
    Example(
        "load-balancer-public",
        "a public one, and one that says nothing",
        [aws(BALANCER, {"internal": False}), aws(BALANCER, {})],
        ["The load balancer has a public address."] * 2,
    ),
    Example("subnet-public-addresses", "none", [aws("ec2/subnet:Subnet", {"mapPublicIpOnLaunch": False})]),
    Example(
        "subnet-public-addresses",
        "to each",
        [aws("ec2/subnet:Subnet", {"mapPublicIpOnLaunch": True})],
        ["What starts in the subnet gets a public address."],
    ),
    Example("bucket-private", "closed", [bucket(), of_bucket("BucketPublicAccessBlock", **CLOSED)]),
    Example(
        "bucket-private",
        "closed, before it has a name",
        [bucket(UNKNOWN), of_bucket("BucketPublicAccessBlock", UNKNOWN, (bucket().urn,), **CLOSED)],
    ),
    Example(
        "bucket-private",
        "another's, before either has a name",
        [bucket(UNKNOWN), of_bucket("BucketPublicAccessBlock", UNKNOWN, ("another",), **CLOSED)],
        ["Nothing keeps the bucket from being made public."],
    ),
    Example(
        "bucket-private",
        "another's, whose name is known before the bucket's own",
        [bucket(UNKNOWN), of_bucket("BucketPublicAccessBlock", "other", **CLOSED)],
        ["Nothing keeps the bucket from being made public."],
    ),
    Example(
        "bucket-private",
        "another's, whose name is not known, and one for no bucket beside one without a name",
        [
            bucket(),
            of_bucket("BucketPublicAccessBlock", UNKNOWN, ("another",), **CLOSED),
            bucket(None),
            of_bucket("BucketPublicAccessBlock", None, **CLOSED),
        ],
        ["Nothing keeps the bucket from being made public."] * 2,
    ),
    Example(
        "bucket-private",
        "another's, and half closed",
        [bucket(), of_bucket("BucketPublicAccessBlock", "other", **{**CLOSED, "blockPublicPolicy": False})],
        ["Nothing keeps the bucket from being made public.", "It leaves out blockPublicPolicy."],
    ),
    Example("bucket-encrypted", "said", [bucket(), of_bucket("BucketServerSideEncryptionConfiguration")]),
    Example(
        "bucket-encrypted",
        "not said",
        [bucket(), of_bucket("BucketPublicAccessBlock")],
        ["The bucket does not say how it is encrypted."],
    ),
    Example(
        "volume-encrypted",
        "all",
        [
            template(blockDeviceMappings=[DISK]),
            storage_class(encrypted="true"),
            storage_class("efs.csi.aws.com"),
            aws("efs/fileSystem:FileSystem", {"encrypted": True}),
            aws("ebs/volume:Volume", {"encrypted": True}),
        ],
    ),
    Example(
        "volume-encrypted",
        "none",
        [
            template(blockDeviceMappings=[DISK, {"deviceName": "/dev/xvdb"}]),
            template(),
            storage_class(),
            aws("efs/fileSystem:FileSystem", {}),
            aws("ebs/volume:Volume", {"encrypted": False}),
        ],
        [
            "Volume /dev/xvdb is not encrypted.",
            "Its volumes are as the image has them, not encrypted.",
            "Its volumes are not encrypted.",
            "The FileSystem is not encrypted.",
            "The Volume is not encrypted.",
        ],
    ),
    Example(
        "cluster-secrets-encrypted",
        "with a key",
        [aws(CLUSTER, {"encryptionConfig": {"resources": ["secrets"], "provider": {"keyArn": UNKNOWN}}})],
    ),
    Example(
        "cluster-secrets-encrypted",
        "without",
        [aws(CLUSTER, {})],
        ["The cluster's Secrets have no key of ours."],
    ),
    Example(
        "iam-wildcard",
        "named, read everywhere, narrowed, denied, and not known yet",
        [
            allowing(Action=["s3:GetObject"], Resource="arn:aws:s3:::one/*"),
            allowing(Action="ec2:DescribeInstances", Resource="*"),
            allowing(Action="ec2:CreateTags", Resource="*", Condition={"StringEquals": {"a": "b"}}),
            allowing(Effect="Deny", Action="*", Resource="*"),
            aws(ROLE_POLICY, {"policy": UNKNOWN}),
        ],
    ),
    Example(
        "iam-wildcard",
        "actions, resources, all but some, and in a role",
        [
            allowing(Action="s3:*"),
            allowing(Action=["s3:GetObject", "ec2:Describe*"]),
            allowing(Action="s3:DeleteObject", Resource=["*"]),
            allowing(NotAction="iam:PassRole"),
            aws(ROLE, {"inlinePolicies": [{"policy": '{"Statement": {"Effect": "Allow", "Action": "*"}}'}]}),
        ],
        [
            "It allows s3:*.",
            "It allows ec2:Describe*.",
            "It allows s3:DeleteObject on every resource of the account.",
            "It allows all but what it names in NotAction.",
            "It allows *.",
        ],
    ),
    Example(
        "iam-anybody",
        "a service, and everybody of whom something is said",
        [
            aws(
                ROLE,
                {"assumeRolePolicy": '{"Statement": {"Effect": "Allow", "Principal": {"Service": "a"}}}'},
            ),
            policy_of(
                "efs/fileSystemPolicy:FileSystemPolicy",
                Principal={"AWS": "*"},
                Condition={"Bool": {}, "a": 1},
            ),
            policy_of("s3/bucketPolicy:BucketPolicy", Principal="*", Effect="Deny"),
        ],
    ),
    Example(
        "iam-anybody",
        "everybody, in both spellings",
        [
            policy_of("s3/bucketPolicy:BucketPolicy", Principal="*"),
            aws(
                ROLE, {"assumeRolePolicy": '{"Statement": {"Effect": "Allow", "Principal": {"AWS": ["*"]}}}'}
            ),
        ],
        ["It lets everybody in."] * 2,
    ),
    Example(
        "iam-managed-policy",
        "one that names what it allows",
        [aws(ATTACHMENT, {"policyArn": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodeMinimalPolicy"})],
    ),
    Example(
        "iam-managed-policy",
        "everything, and all of a service",
        [
            aws(ATTACHMENT, {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
            aws(ROLE, {"managedPolicyArns": ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]}),
        ],
        [
            "It has arn:aws:iam::aws:policy/AdministratorAccess.",
            "It has arn:aws:iam::aws:policy/AmazonS3FullAccess.",
        ],
    ),
    Example("data-protected", "protected, made anew, and not production's", PROTECTED),
    Example(
        "data-protected",
        "not",
        [
            aws("efs/fileSystem:FileSystem", {}),
            aws("s3/bucket:Bucket", {}),
            kubernetes("PersistentVolumeClaim", {}),
            kubernetes("Namespace", {"metadata": {"name": "tts", "namespace": ""}}),
        ],
        [
            "The FileSystem is not protected.",
            "The Bucket is not protected.",
            "The PersistentVolumeClaim is not protected.",
            "The Namespace is not protected.",
        ],
    ),
    Example(
        "data-protected",
        "in another stack that is production",
        [aws("s3/bucket:Bucket", {}, urn="urn:pulumi:eu::it::aws:s3/bucket:Bucket::it")],
        ["The Bucket is not protected."],
        {"stacks": ["prod", "eu"]},
    ),
    Example(
        "default-tags",
        "by the provider, as the engine writes them",
        [aws("ec2/vpc:Vpc", {}, provider={"defaultTags": json.dumps({"tags": OURS})})],
    ),
    Example(
        "default-tags",
        "one that only the update knows, and one that is not there beside it",
        [
            aws("ec2/vpc:Vpc", {}, provider={"defaultTags": {"tags": {**OURS, "owner": UNKNOWN}}}),
            aws("ec2/vpc:Vpc", {}, provider={"defaultTags": {"tags": {"project": "it", "owner": UNKNOWN}}}),
        ],
        ["Its provider gives it no tag stack."],
    ),
    Example(
        "default-tags",
        "no owner, and the default provider",
        [
            aws("ec2/vpc:Vpc", {}, provider={"defaultTags": {"tags": {**OURS, "owner": ""}}}),
            aws("ec2/vpc:Vpc", {}, provider={}),
        ],
        ["Its provider gives it no tag owner.", "Its provider gives it no tag project, stack, owner."],
    ),
    Example(
        "launch-template-tags",
        "both",
        [
            template(
                tagSpecifications=[{"resourceType": kind, "tags": OURS} for kind in ("instance", "volume")]
            )
        ],
    ),
    Example(
        "launch-template-tags",
        "of volumes none",
        [template(tagSpecifications=[{"resourceType": "instance", "tags": OURS}])],
        ["Each volume that it starts lacks the tag project, stack, owner."],
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_rule(example: Example) -> None:
    judge(example)
