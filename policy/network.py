"""In a namespace of ours nobody speaks to anybody, until a policy says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from policy.model import Resource, Rule, Settings, Undecided, is_known, kubernetes


def denies_all(policy: Resource) -> bool:
    """Whether a NetworkPolicy selects every pod, and lets nothing in and nothing out."""
    spec: Mapping[str, Any] = policy.properties.get("spec") or {}
    selector = spec.get("podSelector") or {}
    return (
        not selector.get("matchLabels")
        and not selector.get("matchExpressions")
        and {*(spec.get("policyTypes") or ())} >= {"Ingress", "Egress"}
        and not spec.get("ingress")
        and not spec.get("egress")
    )


def _may_deny_all(policy: Resource) -> bool:
    try:
        return denies_all(policy)
    except Undecided:
        # One policy that only the update knows is no reason to look at none of the others.
        return True


def _is_in(item: Resource, namespace: Resource) -> bool:
    if is_known(item.namespace) and is_known(namespace.object_name):
        return bool(item.namespace == namespace.object_name)
    return namespace.urn in item.dependencies


def _is_delivered(namespace: Resource, resources: Sequence[Resource]) -> bool:
    """Whether Argo CD puts things there: its policies are in manifests/, and checked there."""
    destinations = [
        (item.properties.get("spec") or {}).get("destination") or {}
        for item in resources
        if item.kind == "Application"
    ]
    return any(
        is_known(destination.get("namespace")) and destination.get("namespace") == namespace.object_name
        for destination in destinations
    )


def _check(resources: Sequence[Resource], _: Settings) -> Iterator[tuple[Resource, str]]:
    closing = [item for item in resources if item.kind == "NetworkPolicy" and _may_deny_all(item)]
    for namespace in resources:
        if namespace.kind != "Namespace" or _is_delivered(namespace, resources):
            continue
        if not any(_is_in(policy, namespace) for policy in closing):
            yield namespace, f"Namespace {namespace.object_name} has no NetworkPolicy that denies everything."


RULES: Final = (
    Rule(
        name="namespace-denies-by-default",
        says="Every namespace of ours has a NetworkPolicy that denies everything; others then open what is needed.",
        reason="Any pod of the cluster could otherwise spend the GPUs and read what is spoken.",
        fix="Add one with an empty podSelector and the policyTypes Ingress and Egress, as components/tts has it.",
        types=kubernetes("Namespace", "NetworkPolicy", "Application"),
        stack_check=_check,
    ),
)
