"""The rules of what is on AWS, each with resources that keep it and resources that break it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from components.gpu_instances import INSTANCES
from policy.gpu import GPU, TAINT_VALUE, has_gpus
from policy.model import UNKNOWN, Resource
from tests.support.policy import Example, aws, judge, kubernetes

TEMPLATE, CLUSTER = "ec2/launchTemplate:LaunchTemplate", "eks/cluster:Cluster"
INGRESS, GROUP = "vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ec2/securityGroup:SecurityGroup"
ROLE_POLICY, ROLE = "iam/rolePolicy:RolePolicy", "iam/role:Role"
ATTACHMENT = "iam/rolePolicyAttachment:RolePolicyAttachment"
NODES, INSTANCE = "eks/nodeGroup:NodeGroup", "ec2/instance:Instance"
BALANCER = "lb/loadBalancer:LoadBalancer"
EDGE = "aws-edge-from-anywhere-https"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OURS_ONLY: Mapping[str, Any] = {"StringEquals": {"aws:ResourceTag/project": "tts-platform"}}
SNAPSHOTS = ["arn:aws:ec2:eu-central-1::snapshot/*", "arn:aws:ec2:us-east-1::snapshot/*"]
OURS = {"project": "tts-platform", "stack": "prod", "owner": "the team"}


def nodes(ami: str, *taints: Mapping[str, str], **more: Any) -> Resource:
    return aws(NODES, {"amiType": ami, "taints": list(taints), **more})


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
TAINT: Mapping[str, str] = {"key": GPU, "value": TAINT_VALUE, "effect": "NO_SCHEDULE"}
DISK: Mapping[str, Any] = {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}
PROTECTED = [
    aws("efs/fileSystem:FileSystem", {}, protect=True),
    kubernetes("PersistentVolumeClaim", {}, protect=True),
    kubernetes("Namespace", {"metadata": {"name": "argocd", "namespace": ""}}),
    kubernetes("PersistentVolumeClaim", {}, urn="urn:pulumi:dev::it::PersistentVolumeClaim::it"),
    kubernetes("PersistentVolumeClaim", {"metadata": {"name": "outputs-2026-01-31"}}),
    aws("s3/bucket:Bucket", {}, urn="urn:pulumi:products::it::aws:s3/bucket:Bucket::it"),
    aws(CLUSTER, {"deletionProtection": True}),
]

EXAMPLES = [
    Example(
        "gpu-node-taint",
        "with the taint, and without GPUs",
        [
            nodes("AL2023_x86_64_NVIDIA", TAINT),
            nodes("AL2023_x86_64_STANDARD"),
            nodes("CUSTOM", instanceTypes=["m7i.large", "t3.large", "c7g.large", "inf2.xlarge"]),
            nodes("CUSTOM", TAINT, instanceTypes=["g6.xlarge"]),
        ],
    ),
    Example(
        "gpu-node-taint",
        "GPUs by an older image, by instance types with an image of one's own, and by types alone",
        [
            nodes("AL2_x86_64_GPU"),
            nodes("CUSTOM", instanceTypes=["m7i.large", "gr6.4xlarge"]),
            aws(NODES, {"instanceTypes": ["p5.48xlarge"]}),
        ],
        ["The nodes have GPUs, and no taint keeps other pods off them."] * 3,
    ),
    Example(
        "gpu-node-taint",
        "a value that no pod tolerates",
        [nodes("AL2023_x86_64_NVIDIA", {**TAINT, "value": "true"})],
        ["The speech pods do not tolerate the taint: its value is another."],
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
            aws(NODES, {"amiType": "AL2023_x86_64_NVIDIA"}),
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
        "node-group-template",
        "one, and one that is not made yet",
        [aws(NODES, {"launchTemplate": {"id": "lt-1"}}), aws(NODES, {"launchTemplate": UNKNOWN})],
    ),
    Example(
        "node-group-template",
        "none",
        [aws(NODES, {})],
        ["The node group starts its nodes from EKS's own template."],
    ),
    Example(
        "instance-public-address",
        "nothing said, and none",
        [template(), template(networkInterfaces=[{"associatePublicIpAddress": "false"}]), aws(INSTANCE, {})],
    ),
    Example(
        "instance-public-address",
        "one, by an interface of a template, and of an instance",
        [
            template(networkInterfaces=[{}, {"associatePublicIpAddress": "true"}]),
            aws(INSTANCE, {"associatePublicIpAddress": True}),
        ],
        ["What starts gets a public address."] * 2,
    ),
    Example(
        "cluster-endpoint",
        "the world, beside a network that only the update knows",
        [endpoint(publicAccessCidrs=[UNKNOWN, "0.0.0.0/0"])],
        ["The cluster's API answers 0.0.0.0/0."],
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
        "security-group-world",
        "the world, beside what only the update knows",
        [
            aws(
                GROUP,
                {"ingress": [UNKNOWN, {"cidrBlocks": [UNKNOWN, "0.0.0.0/0"], "fromPort": 1, "toPort": 1}]},
            ),
        ],
        ["0.0.0.0/0 reaches port 1."],
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
            aws(INSTANCE, {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"encrypted": True}]}),
        ],
    ),
    Example(
        "volume-encrypted",
        "those of instances",
        [
            aws(INSTANCE, {}),
            aws(
                INSTANCE,
                {
                    "rootBlockDevice": {"volumeSize": 8},
                    "ebsBlockDevices": [UNKNOWN, {"deviceName": "/dev/sdb"}],
                },
            ),
        ],
        [
            "Its volumes are as the image has them, not encrypted.",
            "Volume / is not encrypted.",
            "Volume /dev/sdb is not encrypted.",
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
            allowing(Action="ec2:CreateTags", Resource="*", Condition=OURS_ONLY),
            allowing(
                Action="ec2:DeleteVolume", Resource="arn:aws:ec2:eu-central-1:*:volume/*", Condition=OURS_ONLY
            ),
            allowing(Action=["ec2:CreateSnapshot", "ec2:CreateTags"], Resource=SNAPSHOTS),
            allowing(Action="iam:PassRole", Resource="arn:aws:iam::111122223333:role/tts/*"),
            allowing(
                Action="logs:PutLogEvents", Resource="arn:aws:logs:eu:111122223333:log-group:/tts/flow:*"
            ),
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
            allowing(Action="s3:Get?bject"),
            allowing(NotAction="iam:PassRole"),
            aws(ROLE, {"inlinePolicies": [{"policy": '{"Statement": {"Effect": "Allow", "Action": "*"}}'}]}),
        ],
        [
            "It allows s3:*.",
            "It allows ec2:Describe*.",
            "It allows s3:DeleteObject on *, which names nothing.",
            "It allows s3:Get?bject.",
            "It allows all but what it names in NotAction.",
            "It allows *.",
        ],
    ),
    *(
        Example(
            "iam-wildcard",
            arn,
            [allowing(Action="iam:PassRole", Resource=["arn:aws:s3:::one", arn])],
            [f"It allows iam:PassRole on {arn}, which names nothing."],
        )
        for arn in (
            "*:*",
            "arn:*",
            "arn:aws:s3:::*",
            "arn:aws:s3:::*/*",
            "arn:aws:sqs:eu-central-1:111122223333:*",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::*:role/speech",
            "arn:aws:logs:eu-central-1:111122223333:log-group:*:log-stream:one",
            "arn:aws:ec2:eu-central-1::snapshot/*",
        )
    ),
    *(
        Example(
            "iam-wildcard",
            f"a condition that narrows nothing: {about}",
            [allowing(Action="s3:DeleteObject", Resource="*", Condition=condition)],
            ["It allows s3:DeleteObject on *, which names nothing."],
        )
        for about, condition in (
            ("TLS", {"Bool": {"aws:SecureTransport": "true"}}),
            ("any tag", {"StringLike": {"aws:ResourceTag/project": "*"}}),
            ("all but a tag", {"StringNotEquals": {"aws:ResourceTag/project": "other"}}),
            ("a tag, where there is one", {"StringEqualsIfExists": {"aws:ResourceTag/project": "tts"}}),
        )
    ),
    Example(
        "iam-wildcard",
        "of a group, and beside a document that only the update knows",
        [
            policy_of("iam/groupPolicy:GroupPolicy", Resource="*"),
            aws(
                ROLE,
                {
                    "assumeRolePolicy": UNKNOWN,
                    "inlinePolicies": [
                        UNKNOWN,
                        {"policy": '{"Statement": {"Effect": "Allow", "Action": "*"}}'},
                    ],
                },
            ),
        ],
        ["It allows s3:GetObject on *, which names nothing.", "It allows *."],
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
                Condition={"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
            ),
            policy_of("s3/bucketPolicy:BucketPolicy", Principal="*", Effect="Deny"),
            policy_of(
                "sqs/queue:Queue",
                Principal="*",
                Condition={"ArnLike": {"aws:SourceArn": "arn:aws:events:eu:111122223333:rule/one"}},
            ),
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
        "iam-anybody",
        "everybody with TLS, everybody from anywhere, and everybody but one",
        [
            policy_of(
                "s3/bucketPolicy:BucketPolicy",
                Principal="*",
                Condition={"Bool": {"aws:SecureTransport": "true"}},
            ),
            policy_of("sqs/queue:Queue", Principal="*", Condition={"ArnLike": {"aws:SourceArn": "*"}}),
            policy_of("s3/bucketPolicy:BucketPolicy", NotPrincipal={"AWS": "arn:aws:iam::1:user/one"}),
        ],
        [
            "It lets everybody in.",
            "It lets everybody in.",
            "It lets everybody in but whom it names in NotPrincipal.",
        ],
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
            aws(ATTACHMENT, {"policyArn": ADMINISTRATOR}),
            aws(ROLE, {"managedPolicyArns": ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]}),
        ],
        [
            "It has arn:aws:iam::aws:policy/AdministratorAccess.",
            "It has arn:aws:iam::aws:policy/AmazonS3FullAccess.",
        ],
    ),
    *(
        Example(
            "iam-managed-policy",
            f"by a {kind}",
            [aws(f"iam/{kind[0].lower()}{kind[1:]}:{kind}", given)],
            ["It has arn:aws:iam::aws:policy/AdministratorAccess."],
        )
        for kind, given in (
            ("PolicyAttachment", {"policyArn": ADMINISTRATOR}),
            ("UserPolicyAttachment", {"policyArn": ADMINISTRATOR}),
            ("GroupPolicyAttachment", {"policyArn": ADMINISTRATOR}),
            ("RolePolicyAttachmentsExclusive", {"policyArns": [UNKNOWN, ADMINISTRATOR]}),
            ("UserPolicyAttachmentsExclusive", {"policyArns": [ADMINISTRATOR]}),
            ("GroupPolicyAttachmentsExclusive", {"policyArns": [ADMINISTRATOR]}),
        )
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
        "not, the first claims and the cluster",
        [
            kubernetes("PersistentVolumeClaim", {"metadata": {"name": "outputs"}}),
            aws(CLUSTER, {"deletionProtection": False}),
            aws("ebs/snapshot:Snapshot", {}),
        ],
        [
            "The PersistentVolumeClaim is not protected.",
            "The Cluster is not protected.",
            "The Snapshot is not protected.",
        ],
    ),
    Example(
        "data-protected",
        "in production elsewhere",
        [aws("s3/bucket:Bucket", {}, urn="urn:pulumi:prod-eu::it::aws:s3/bucket:Bucket::it")],
        ["The Bucket is not protected."],
    ),
    Example(
        "data-protected",
        "while a destroy is meant, and the settings say so",
        [aws("s3/bucket:Bucket", {})],
        settings={"stacks": []},
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


def test_every_instance_type_of_the_gpu_nodes_is_known_to_have_gpus() -> None:
    for type_ in INSTANCES:
        assert has_gpus(aws(NODES, {"instanceTypes": [type_]})), f"{type_} could come without the taint"
