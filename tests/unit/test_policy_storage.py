"""The rules of buckets, of what holds data, and of whose it is, each with resources that keep it and break it."""

import json
from typing import Any

import pytest

from policy.model import UNKNOWN, Resource
from tests.support.policy import Example, aws, judge, kubernetes

CLUSTER = "eks/cluster:Cluster"
OURS = {"project": "tts-platform", "stack": "prod", "owner": "the team"}


def bucket(name: object = "mine") -> Resource:
    return aws("s3/bucket:Bucket", {"bucket": name})


def of_bucket(kind: str, name: object = "mine", dependencies: tuple[str, ...] = (), **more: Any) -> Resource:
    type_ = f"s3/{kind[0].lower()}{kind[1:]}:{kind}"
    return aws(type_, {"bucket": name, **more}, dependencies=dependencies)


CLOSED: dict[str, Any] = dict.fromkeys(
    ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
)
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
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_rule(example: Example) -> None:
    judge(example)
