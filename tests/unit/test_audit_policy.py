"""What keeps the audit log as it was written."""

from typing import Any

import pytest

from components.audit_policy import AuditPolicy, AuditPolicyArgs
from tests.support.recording import record

POLICY = "ValidatingAdmissionPolicy"


def made(kind: str) -> Any:
    return record(lambda: _program()).object(kind, "speech-audit")["spec"]


def _program() -> None:
    AuditPolicy("audit-policy", AuditPolicyArgs(namespace="speech"))


def test_it_denies_and_warns_nobody() -> None:
    binding = made(f"{POLICY}Binding")
    assert binding["validationActions"] == ["Deny"], "a warning keeps no entry"
    assert binding["policyName"] == "speech-audit"


def test_it_is_about_one_namespace() -> None:
    selector = made(f"{POLICY}Binding")["matchResources"]["namespaceSelector"]
    assert selector == {"matchLabels": {"kubernetes.io/metadata.name": "speech"}}, (
        "another team could not delete its ConfigMaps"
    )


def test_without_an_answer_nothing_is_changed() -> None:
    assert made(POLICY)["failurePolicy"] == "Fail"


def test_the_other_config_maps_are_left_alone() -> None:
    spec = made(POLICY)
    (condition,) = spec["matchConditions"]
    assert condition["expression"] == "oldObject.metadata.name.startsWith('audit-')", (
        "the request has no name when all of a namespace's are deleted at once"
    )
    (rule,) = spec["matchConstraints"]["resourceRules"]
    assert rule["operations"] == ["UPDATE", "DELETE"], "a new one may be made"


@pytest.mark.parametrize("part", ["oldObject.data.all", "oldObject.binaryData.all", "deletionTimestamp"])
def test_each_way_to_lose_an_entry_is_named_and_said(part: str) -> None:
    (validation,) = [item for item in made(POLICY)["validations"] if part in item["expression"]]
    assert "audit log" in validation["message"]
    assert validation["reason"] == "Forbidden"
