"""A rule of the policy pack, and resources that keep and break it."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from components.nodes import GPU_TOLERATIONS
from policy.evaluate import stack_violations, violations
from policy.gpu import GPU
from policy.model import Resource, Rule, Settings
from policy.rules import RULES

BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in RULES}

Change = Callable[[dict[str, Any]], object]


@dataclass(frozen=True)
class Example:
    """What a rule is shown. `wrong`: what each message says, empty where the rule is kept."""

    rule: str
    about: str
    resources: Sequence[Resource]
    wrong: Sequence[str] = ()
    settings: Settings | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.about}"

    def messages(self) -> list[str]:
        """What the rule says."""
        rule = BY_NAME[self.rule]
        if rule.stack_check is not None:
            return [message for _, message in stack_violations(rule, self.resources, self.settings)]
        return [message for item in self.resources for message in violations(rule, item, self.settings)]


def judge(example: Example) -> None:
    """Asserts that the rule says what it is to say."""
    messages = example.messages()
    assert len(messages) == len(example.wrong), f"{example}: {messages}"
    for message, wrong in zip(messages, example.wrong, strict=True):
        rule = BY_NAME[example.rule]
        assert message == f"{wrong} {rule.reason} {rule.fix}", (
            "who is refused is to learn why, and what to do"
        )


def kubernetes(kind: str, properties: Mapping[str, Any], **more: Any) -> Resource:
    """An object in namespace `tts`, with the name `it`, unless its metadata says otherwise."""
    metadata = {"name": "it", "namespace": "tts", **properties.get("metadata", {})}
    return Resource(
        type=f"kubernetes:any/v1:{kind}",
        name="it",
        **{"urn": f"urn:pulumi:prod::it::{kind}::{metadata['name']}", **more},
        properties={**properties, "metadata": metadata},
    )


def aws(type_: str, properties: Mapping[str, Any], **more: Any) -> Resource:
    """A resource of AWS."""
    return Resource(
        type=f"aws:{type_}",
        properties=properties,
        **{"name": "it", "urn": f"urn:pulumi:prod::it::aws:{type_}::it", **more},
    )


def changed(original: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """A copy of plain data with a change made to it."""
    copy = deepcopy(dict(original))
    change(copy)
    return copy


# Pods that keep every rule.
SPEC: Mapping[str, Any] = {
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "tolerations": GPU_TOLERATIONS,
    "volumes": [{"name": "outputs", "persistentVolumeClaim": {"claimName": "outputs"}}],
    "containers": [
        {
            "name": "speech",
            "image": "quay.io/jetstack/speech:1.4.2",
            "resources": {
                "requests": {"cpu": "1", "memory": "8Gi"},
                "limits": {"memory": "8Gi", GPU: "1"},
            },
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "ports": [{"containerPort": 8091}],
        }
    ],
}


def deployment(change: Change = lambda _: None, **metadata: Any) -> Resource:
    """What keeps every rule, with a change made to the pods' spec."""
    spec = {"template": {"spec": changed(SPEC, change)}}
    return kubernetes("Deployment", {"metadata": metadata, "spec": spec})


def container(**values: Any) -> Change:
    """Sets fields of the only container."""
    return lambda spec: spec["containers"][0].update(values)
