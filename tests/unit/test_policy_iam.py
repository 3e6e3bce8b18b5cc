"""The rules of IAM, each with rights that keep it and rights that break it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from policy.model import UNKNOWN, Resource
from tests.support.policy import Example, aws, judge

ROLE_POLICY, ROLE = "iam/rolePolicy:RolePolicy", "iam/role:Role"
ATTACHMENT = "iam/rolePolicyAttachment:RolePolicyAttachment"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OURS_ONLY: Mapping[str, Any] = {"StringEquals": {"aws:ResourceTag/project": "tts-platform"}}
SNAPSHOTS = ["arn:aws:ec2:eu-central-1::snapshot/*", "arn:aws:ec2:us-east-1::snapshot/*"]


def allowing(**statement: Any) -> Resource:
    document = {"Statement": [{"Effect": "Allow", "Resource": "arn:aws:s3:::one", **statement}]}
    return aws(ROLE_POLICY, {"policy": json.dumps(document)})


def policy_of(kind: str, **statement: Any) -> Resource:
    return aws(
        kind,
        {"policy": json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", **statement}})},
    )


EXAMPLES = [
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
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_rule(example: Example) -> None:
    judge(example)
