"""The rules as a whole: each is tested, listed, and kept by what this repository delivers."""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops import policy_table
from policy.evaluate import stack_violations, violations
from policy.exemptions import EXEMPTIONS
from policy.model import UNKNOWN, Level, Resource, Rule, Undecided
from policy.rules import RULES
from tests.support.policy import BY_NAME, Example
from tests.support.project import ROOT
from tests.unit import (
    test_policy_aws,
    test_policy_containers,
    test_policy_iam,
    test_policy_kubernetes,
    test_policy_nodes,
    test_policy_pods,
    test_policy_storage,
)

EXAMPLES: list[Example] = [
    *test_policy_containers.EXAMPLES,
    *test_policy_pods.EXAMPLES,
    *test_policy_kubernetes.EXAMPLES,
    *test_policy_nodes.EXAMPLES,
    *test_policy_aws.EXAMPLES,
    *test_policy_storage.EXAMPLES,
    *test_policy_iam.EXAMPLES,
]
PAGE = ROOT / "docs" / "policy.md"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
class TestEveryRule:
    def test_is_seen_to_be_kept_and_to_be_broken(self, rule: Rule) -> None:
        outcomes = {bool(example.wrong) for example in EXAMPLES if example.rule == rule.name}
        assert outcomes == {True, False}, "a rule that says nothing, or always something, would pass"

    def test_has_a_reason_and_a_fix(self, rule: Rule) -> None:
        for text in (rule.says, rule.reason, rule.fix):
            assert re.fullmatch(r"\S.*\.", text), "the message is made of sentences"

    def test_is_asked_about_a_resource_or_about_a_stack(self, rule: Rule) -> None:
        assert (rule.check is None) != (rule.stack_check is None)
        assert rule.settings.keys() == rule.settings_about.keys()


def test_only_what_costs_nobody_anything_is_advice() -> None:
    advice = {rule.name for rule in RULES if rule.level is Level.ADVISORY}
    assert advice == {"gpu-nodes-reserved", "namespace-pod-security"}, (
        "what opens a port, or leaves one open, is to fail"
    )


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(RULES), "the engine would know one of the two only"


def test_every_file_of_rules_is_asked() -> None:
    modules = [f"policy.{file.stem}" for file in (ROOT / "policy").glob("[!_]*.py")]
    written = [rule for name in modules for rule in getattr(import_module(name), "RULES", ())]
    assert {rule.name for rule in written} == BY_NAME.keys(), (
        "one that rules.py leaves out is asked of nobody"
    )


def test_the_page_lists_rules_settings_and_exemptions() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == policy_table.with_tables(page), "run make fmt"
    for rule in RULES:
        assert f"| `{rule.name}` | {rule.level.value} |" in page
    for exemption in EXEMPTIONS:
        assert exemption.reason in page


def test_every_exemption_is_from_a_rule_that_exists() -> None:
    for exemption in EXEMPTIONS:
        assert exemption.rule in BY_NAME, f"{exemption} excepts nothing"
        assert BY_NAME[exemption.rule].types(f"kubernetes:any/v1:{exemption.kind}")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_resource_that_says_nothing_stops_no_rule(rule: Rule) -> None:
    types = {item.type for example in EXAMPLES for item in example.resources if rule.types(item.type)}
    silent = [Resource(type=type_, name="it", urn="urn:pulumi:prod::it") for type_ in sorted(types)]
    assert silent, "no example shows what the rule looks at"
    said = [message for item in silent for message in violations(rule, item)]
    said += [message for _, message in stack_violations(rule, silent)]
    for message in said:
        assert message.endswith(f"{rule.reason} {rule.fix}"), "who is refused is to learn why, and what to do"


class TestExemption:
    """From one rule, for one object, and for nothing like it."""

    def broken(self, rule: str, kind: str, **metadata: object) -> bool:
        spec = {"hostNetwork": True, "containers": [{"name": "it", "securityContext": {"privileged": True}}]}
        properties = {"metadata": metadata, "spec": {"template": {"spec": spec}}}
        workload = Resource(type=f"kubernetes:apps/v1:{kind}", name="it", properties=properties)
        return bool(list(violations(BY_NAME[rule], workload)))

    def test_is_for_that_object(self) -> None:
        assert not self.broken("pod-host-network", "DaemonSet", name="envoy", namespace="projectcontour")

    def test_waits_for_a_namespace_that_is_not_made_yet(self) -> None:
        assert not self.broken("pod-host-network", "DaemonSet", name="envoy", namespace=UNKNOWN)

    def test_is_for_nothing_without_a_name(self) -> None:
        assert self.broken("pod-host-network", "DaemonSet", name=None, namespace="projectcontour"), (
            "the rule would stop at it"
        )

    def test_is_for_no_other_rule(self) -> None:
        assert self.broken("pod-privileges", "DaemonSet", name="envoy", namespace="projectcontour")

    def test_is_for_no_other_kind_name_or_namespace(self) -> None:
        assert self.broken("pod-host-network", "Deployment", name="envoy", namespace="projectcontour")
        assert self.broken("pod-host-network", "DaemonSet", name="envoi", namespace="projectcontour")
        assert self.broken("pod-host-network", "DaemonSet", name=UNKNOWN, namespace="projectcontour")
        assert self.broken("pod-host-network", "DaemonSet", name="envoy", namespace="tts")


class TestUnknown:
    @pytest.mark.parametrize(
        "look",
        [
            bool,
            str,
            len,
            iter,
            int,
            lambda value: value == 1,
            lambda value: value.get,
            lambda value: "a" in value,
        ],
    )
    def test_nothing_can_be_read_from_it(self, look: Any) -> None:
        with pytest.raises(Undecided):
            look(UNKNOWN)

    def test_what_stands_beside_it_is_said(self) -> None:
        containers = [{"name": "a", "image": "a/b"}, {"name": "b", "image": UNKNOWN}, {"name": "c"}]
        pod = Resource(
            type="kubernetes:core/v1:Pod", name="it", properties={"spec": {"containers": containers}}
        )
        first, last = violations(BY_NAME["image-immutable"], pod)
        assert first.startswith('Container a runs "a/b".')
        assert last.startswith('Container c runs "".'), "what comes after it would go unseen"

    def test_of_an_object_of_which_nothing_is_known_nothing_is_said(self) -> None:
        unknown = Resource(
            type="kubernetes:apps/v1:Deployment", name="it", properties={"metadata": UNKNOWN, "spec": UNKNOWN}
        )
        for rule in RULES:
            assert not [*violations(rule, unknown), *stack_violations(rule, [unknown])], "the update knows"


class TestWhatArgoCdDelivers:
    """No resource of Pulumi's, so that no preview asks about it."""

    @pytest.fixture(params=sorted((ROOT / "manifests").iterdir()), ids=lambda path: path.name)
    def delivered(self, request: pytest.FixtureRequest) -> list[Resource]:
        return list(_objects(request.param))

    def test_it_keeps_every_rule(self, delivered: list[Resource]) -> None:
        assert {"Deployment", "HTTPProxy"} & {item.kind for item in delivered}
        broken = [
            (item.kind, item.object_name, message)
            for item in delivered
            for rule in RULES
            # Argo CD has its own protection: tests/engine/test_render.py compares it with Pulumi's.
            if rule.name != "data-protected"
            for message in violations(rule, item)
        ]
        assert not broken

    def test_its_namespace_denies_by_default(self, delivered: list[Resource]) -> None:
        (name,) = {item.namespace for item in delivered}
        namespace = Resource(
            type="kubernetes:core/v1:Namespace", name="it", properties={"metadata": {"name": name}}
        )
        rule = BY_NAME["namespace-denies-by-default"]
        assert not list(stack_violations(rule, [namespace, *delivered]))
        without = [item for item in delivered if item.object_name != "deny-all"]
        assert list(stack_violations(rule, [namespace, *without])), "the rule would not have seen it"


def _objects(directory: Path) -> Iterator[Resource]:
    for file in sorted(directory.glob("*.yaml")):
        document: Mapping[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        type_ = f"kubernetes:{document['apiVersion']}:{document['kind']}"
        yield Resource(type=type_, name=file.stem, properties=document, urn="urn:pulumi:prod::it")
