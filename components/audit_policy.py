"""Keeps the audit log of one namespace append-only, for as long as this policy and its binding are there.

Refuses to change or remove what a ConfigMap named audit-... has in it, and to delete one unless its whole namespace is
ending: to everybody, administrators too. It is no lock against administrators: who may delete the binding, which is
the cluster's, may edit the log afterwards, and who may write ConfigMaps in the namespace may add what never happened.
Who deleted the binding is in the cluster's own audit log.
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

PREFIX: Final = "audit-"
"""How the names of the log's ConfigMaps begin."""

_ENTRIES_STAY: Final = " && ".join(
    f"(!has(oldObject.{field}) || has(object.{field}) && "
    f"oldObject.{field}.all(key, key in object.{field} && object.{field}[key] == oldObject.{field}[key]))"
    for field in ("data", "binaryData")
)

_VALIDATIONS: Final[list[dict[str, Any]]] = [
    {
        "expression": f"request.operation != 'UPDATE' || ({_ENTRIES_STAY})",
        "message": "an entry of the audit log stays as it was written: entries are only ever added",
        "reason": "Forbidden",
    },
    {
        # Otherwise no namespace with a log in it would ever end.
        "expression": "request.operation != 'DELETE' || has(namespaceObject.metadata.deletionTimestamp)",
        "message": "the audit log stays for as long as its namespace does",
        "reason": "Forbidden",
    },
]


@dataclass(frozen=True, kw_only=True)
class AuditPolicyArgs:
    """Whose log."""

    namespace: str


class AuditPolicy(pulumi.ComponentResource):
    """The ValidatingAdmissionPolicy and its binding."""

    def __init__(self, name: str, args: AuditPolicyArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:audit:AuditPolicy", name, None, opts)
        policy = self._policy(name, args)
        self._binding(name, args, policy)
        self.register_outputs({})

    def _policy(
        self, name: str, args: AuditPolicyArgs
    ) -> kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy:
        return kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy(
            f"{name}-policy",
            metadata={"name": _name(args)},
            spec={
                "failure_policy": "Fail",
                "match_constraints": {
                    "resource_rules": [
                        {
                            "api_groups": [""],
                            "api_versions": ["v1"],
                            "resources": ["configmaps"],
                            "operations": ["UPDATE", "DELETE"],
                            "scope": "Namespaced",
                        }
                    ],
                },
                # Not request.name, which is empty when all ConfigMaps of a namespace are deleted at once.
                "match_conditions": [
                    {
                        "name": "is-the-audit-log",
                        "expression": f"oldObject.metadata.name.startsWith('{PREFIX}')",
                    }
                ],
                "validations": _VALIDATIONS,
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _binding(
        self,
        name: str,
        args: AuditPolicyArgs,
        policy: kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy,
    ) -> None:
        kubernetes.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
            f"{name}-binding",
            metadata={"name": _name(args)},
            spec={
                "policy_name": policy.metadata["name"],
                "validation_actions": ["Deny"],
                "match_resources": {
                    # The API server sets this label, and lets nobody change it.
                    "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": args.namespace}}
                },
            },
            opts=pulumi.ResourceOptions(parent=self),
        )


def _name(args: AuditPolicyArgs) -> str:
    # Policies are the cluster's, and environments may share one.
    return f"{args.namespace}-audit"
