"""Rights are named one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.model import Resource, Rule, Settings, aws

_DOCUMENTS: Final = ("policy", "assumeRolePolicy")
"""The properties that hold a policy document."""

_READS: Final = re.compile(r"[a-z0-9-]+:(Describe|List)[A-Za-z]*")
"""Actions to which AWS gives no resource to name, or a list of names only."""

_TOO_MUCH: Final = re.compile(r":aws:policy/(.*/)?(AdministratorAccess.*|PowerUserAccess|.*FullAccess.*)$")


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _documents(resource: Resource) -> Iterator[Mapping[str, Any]]:
    written = [resource.properties[key] for key in _DOCUMENTS if resource.properties.get(key)]
    written += [inline["policy"] for inline in resource.properties.get("inlinePolicies") or ()]
    for document in written:
        yield document if isinstance(document, Mapping) else json.loads(str(document))


def _allowed(resource: Resource) -> Iterator[Mapping[str, Any]]:
    for document in _documents(resource):
        for statement in _listed(document["Statement"]):
            if statement["Effect"] == "Allow":
                yield statement


def _check_wildcards(resource: Resource, _: Settings) -> Iterator[str]:
    for statement in _allowed(resource):
        actions = _listed(statement.get("Action", []))
        wide = [action for action in actions if "*" in action]
        if wide:
            yield f"It allows {', '.join(wide)}."
        yield from (
            f"It allows all but what it names in {key}."
            for key in ("NotAction", "NotResource")
            if key in statement
        )
        everything = "*" in _listed(statement.get("Resource", []))
        if (
            everything
            and not all(_READS.fullmatch(action) for action in actions)
            and not statement.get("Condition")
        ):
            yield f"It allows {', '.join(actions)} on every resource of the account."


def _check_principals(resource: Resource, _: Settings) -> Iterator[str]:
    for statement in _allowed(resource):
        principal = statement.get("Principal", {})
        named = principal.values() if isinstance(principal, Mapping) else [principal]
        if any("*" in _listed(who) for who in named) and not statement.get("Condition"):
            yield "It lets everybody in."


def _check_managed(attachment: Resource, _: Settings) -> Iterator[str]:
    arns = [attachment.properties.get("policyArn"), *(attachment.properties.get("managedPolicyArns") or ())]
    for arn in arns:
        if arn is not None and _TOO_MUCH.search(str(arn)):
            yield f"It has {arn}."


RULES: Final = (
    Rule(
        name="iam-wildcard",
        says="No wildcard in what IAM allows; Describe and List may name every resource.",
        reason="With it a pod that is taken over has rights that nobody has thought of, and new ones every year.",
        fix="Name the actions, and the ARNs that they are for; or add the Condition that narrows them.",
        types=aws(
            "iam/policy:Policy", "iam/rolePolicy:RolePolicy", "iam/userPolicy:UserPolicy", "iam/role:Role"
        ),
        check=_check_wildcards,
    ),
    Rule(
        name="iam-anybody",
        says="No policy lets everybody in, unless a condition says who that is.",
        reason="Everybody is every account of AWS.",
        fix="Name the service, account or role, or add a Condition.",
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
        says="No role has one of AWS's policies that allow everything, or all of a service.",
        reason="They are wildcards under another name.",
        fix="Attach a policy that names what is needed.",
        types=aws("iam/role:Role", "iam/rolePolicyAttachment:RolePolicyAttachment"),
        check=_check_managed,
    ),
)
