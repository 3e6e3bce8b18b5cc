"""Rights are named one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.iam_documents import allowed, is_wide, listed, says_which, says_who
from policy.model import Resource, Rule, Settings, aws, each

_READS: Final = re.compile(r"[a-z0-9-]+:(Describe|List)[A-Za-z]*")
"""Actions to which AWS gives no resource to name, or a list of names only."""

# A snapshot that is being made has no name yet: its ARN can say no more than the region.
_SNAPSHOTS: Final = re.compile(r"arn:aws:ec2:[a-z0-9-]+::snapshot/\*")
_MAKES_SNAPSHOTS: Final = re.compile(r"ec2:(CreateSnapshot|CopySnapshot|CreateTags)")

_TOO_MUCH: Final = re.compile(r":aws:policy/(.*/)?(AdministratorAccess.*|PowerUserAccess|.*FullAccess.*)$")


def _check_wildcards(resource: Resource, _: Settings) -> Iterator[str]:
    return each(allowed(resource), _check_statement)


def _check_statement(statement: Mapping[str, Any]) -> Iterator[str]:
    actions = listed(statement.get("Action", []))
    wide = [action for action in actions if "*" in action or "?" in action]
    if wide:
        yield f"It allows {', '.join(wide)}."
    yield from (
        f"It allows all but what it names in {key}."
        for key in ("NotAction", "NotResource")
        if key in statement
    )
    nameless = [arn for arn in listed(statement.get("Resource", [])) if is_wide(arn)]
    snapshots = all(map(_SNAPSHOTS.fullmatch, nameless))
    harmless = all(
        _READS.fullmatch(action) or (snapshots and _MAKES_SNAPSHOTS.fullmatch(action)) for action in actions
    )
    if nameless and not harmless and not says_which(statement):
        yield f"It allows {', '.join(actions)} on {', '.join(nameless)}, which names nothing."


def _check_principals(resource: Resource, _: Settings) -> Iterator[str]:
    return each(allowed(resource), _check_principal)


def _check_principal(statement: Mapping[str, Any]) -> Iterator[str]:
    if "NotPrincipal" in statement:
        yield "It lets everybody in but whom it names in NotPrincipal."
    principal = statement.get("Principal", {})
    named = principal.values() if isinstance(principal, Mapping) else [principal]
    if any("*" in listed(who) for who in named) and not says_who(statement):
        yield "It lets everybody in."


def _check_managed(attachment: Resource, _: Settings) -> Iterator[str]:
    properties = attachment.properties
    arns = [properties.get("policyArn")]
    for key in ("policyArns", "managedPolicyArns"):
        arns += properties.get(key) or ()
    yield from each(
        arns, lambda arn: [f"It has {arn}."] if arn is not None and _TOO_MUCH.search(str(arn)) else []
    )


RULES: Final = (
    Rule(
        name="iam-wildcard",
        says="No wildcard in what IAM allows; Describe and List may name every resource.",
        reason="With it a pod that is taken over has rights that nobody has thought of, and new ones every year.",
        fix="Name the actions, and the ARNs that they are for; or add a Condition on the resources' tags.",
        types=aws(
            "iam/policy:Policy",
            "iam/rolePolicy:RolePolicy",
            "iam/userPolicy:UserPolicy",
            "iam/groupPolicy:GroupPolicy",
            "iam/role:Role",
        ),
        check=_check_wildcards,
    ),
    Rule(
        name="iam-anybody",
        says="No policy lets everybody in, unless a condition says who that is.",
        reason="Everybody is every account of AWS.",
        fix="Name the service, account or role; or add a Condition on where they come from (aws:SourceArn).",
        types=aws(
            "iam/role:Role",
            "s3/bucketPolicy:BucketPolicy",
            "efs/fileSystemPolicy:FileSystemPolicy",
            "kms/key:Key",
            "sqs/queue:Queue",
            "sns/topic:Topic",
        ),
        check=_check_principals,
    ),
    Rule(
        name="iam-managed-policy",
        says="Nobody has one of AWS's policies that allow everything, or all of a service.",
        reason="They are wildcards under another name.",
        fix="Attach a policy that names what is needed.",
        types=aws(
            "iam/role:Role",
            "iam/policyAttachment:PolicyAttachment",
            "iam/rolePolicyAttachment:RolePolicyAttachment",
            "iam/userPolicyAttachment:UserPolicyAttachment",
            "iam/groupPolicyAttachment:GroupPolicyAttachment",
            "iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
            "iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive",
            "iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive",
        ),
        check=_check_managed,
    ),
)
