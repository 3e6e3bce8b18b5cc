"""In a namespace of ours nobody speaks to anybody, until a policy says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from policy.model import Resource, Rule, Settings, Undecided, each, is_known, kubernetes

_BOTH: Final = frozenset({"Ingress", "Egress"})


def denied(policy: Resource) -> frozenset[str]:
    """The directions that a NetworkPolicy closes for every pod, without a way through."""
    spec: Mapping[str, Any] = policy.properties.get("spec") or {}
    selector = spec.get("podSelector") or {}
    of_some = selector.get("matchLabels") or selector.get("matchExpressions")
    if of_some or spec.get("ingress") or spec.get("egress"):
        return frozenset()
    # Kubernetes takes one that names none for a policy of what comes in.
    return frozenset(spec.get("policyTypes") or ("Ingress",))


def _may_deny(policy: Resource) -> frozenset[str]:
    try:
        return denied(policy)
    except Undecided:
        # One policy that only the update knows is no reason to refuse what may be closed by it.
        return _BOTH


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
    policies = [item for item in resources if item.kind == "NetworkPolicy"]

    def look(namespace: Resource) -> Iterator[tuple[Resource, str]]:
        if _is_delivered(namespace, resources):
            return
        closed = frozenset[str]().union(*(_may_deny(item) for item in policies if _is_in(item, namespace)))
        if not closed >= _BOTH:
            yield namespace, f"Namespace {namespace.object_name} has no NetworkPolicy that denies everything."

    return each([item for item in resources if item.kind == "Namespace"], look)


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
