"""The rules asked of the whole program with every value known, as an update asks them: a preview knows no ARN yet."""

import asyncio
import json
import runpy
from collections.abc import Iterator, Mapping
from typing import Any

import pulumi
import pytest
from pulumi.runtime import MockResourceArgs

from components.edge import Exposure
from policy.evaluate import stack_violations, violations
from policy.exemptions import EXEMPTIONS, Exemption
from policy.model import Resource
from policy.rules import RULES
from tests.support.policy import BY_NAME
from tests.support.project import ROOT
from tests.support.recording import Recorded
from tests.unit.test_contour import contour
from tests.unit.test_program_on_ebs import COPIED, ON_EBS, WHOSE, Account, every_setting

ON_EFS: Mapping[str, Any] = {"storage": "efs", "accessMode": "ReadWriteMany"}
FROM_GIT: Mapping[str, Any] = {"delivery": "gitops", "gitRepository": "https://git.speech.test/it.git"}

CASES: Mapping[str, Mapping[str, Any]] = {
    "ebs": COPIED,
    "ebs, restored": {"restoreFrom": "before-1.4.2", "weightsSize": "50Gi"},
    "s3": {"storage": "s3", "accessMode": "ReadWriteMany"},
    "efs, from git, with Argo CD's UI": {**ON_EFS, **FROM_GIT, "argoCdDomain": "argocd.speech.test"},
    "Envoy in its node's network": {"exposure": "host_network", "edgeCidrs": ["198.18.0.0/24"]},
}

ELSEWHERE = "the edge, with a load balancer of Kubernetes' own"

SETTINGS = {
    "image-registry": {
        "registries": [*BY_NAME["image-registry"].settings["registries"], "registry.speech.test"]
    }
}


ARNS: Mapping[str, str] = {
    "aws:s3/bucket:Bucket": "arn:aws:s3:::",
    "aws:cloudwatch/logGroup:LogGroup": "arn:aws:logs:eu-central-1:111122223333:log-group:",
}


class Naming(Account):
    """An account that names a bucket as the provider does, before it is made, and whose ARNs are as AWS writes them."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        if args.typ == "aws:s3/bucket:Bucket":
            args.inputs["bucket"] = f"{args.name}-1a2b3c4"
        identity, state = super().new_resource(args)
        if args.typ in ARNS:
            state["arn"] = f"{ARNS[args.typ]}{args.name}"
        return identity, state


def registered(changes: Mapping[str, Any], patch: pytest.MonkeyPatch) -> list[Resource]:
    """What production registers with these settings."""
    settings = every_setting({**ON_EBS, **changes})
    patch.setenv("PULUMI_CONFIG", json.dumps(settings))
    pulumi.runtime.set_all_config(settings)
    account = Naming()
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(account, project="tts-platform", stack="prod", preview=False)
    whole = pulumi.runtime.test(lambda: runpy.run_path(str(ROOT / "__main__.py")) and None)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
    whole()
    return [*map(resource, account.resources)]


def resource(item: Recorded) -> Resource:
    """As the pack is asked about it. What is protected is in no recording: the engine's tests look at that."""
    return Resource(
        type=item.type,
        name=item.name,
        properties=item.inputs,
        urn=f"urn:pulumi:dev::tts-platform::{item.type}::{item.name}",
        provider={"defaultTags": {"tags": WHOSE}},
    )


@pytest.fixture(scope="module")
def programs() -> Iterator[Mapping[str, list[Resource]]]:
    with pytest.MonkeyPatch.context() as patch:
        # It would ask the cluster for the first sync.
        patch.setattr("components.delivery_check.checked", lambda application, *_: application)
        # The same, whether the snapshot is there.
        patch.setattr("components.tts.restorable._problem", lambda *_: None)
        on_aws = {name: registered(changes, patch) for name, changes in CASES.items()}
        # A load balancer of Kubernetes' own is for clusters that are not on AWS.
        yield {**on_aws, ELSEWHERE: [*map(resource, contour(Exposure.LOAD_BALANCER).resources)]}
    pulumi.runtime.set_all_config({})


@pytest.mark.parametrize("case", [*CASES, ELSEWHERE])
def test_an_update_keeps_every_rule(programs: Mapping[str, list[Resource]], case: str) -> None:
    resources = programs[case]
    assert len(resources) > 20, "the program has registered nothing"
    broken = [
        (item.name, message)
        for rule in RULES
        for item in resources
        for message in violations(rule, item, SETTINGS.get(rule.name))
    ]
    broken += [(item.name, message) for rule in RULES for item, message in stack_violations(rule, resources)]
    assert not broken, "an update would stop half way, after a preview that showed nothing"


@pytest.mark.parametrize("exemption", EXEMPTIONS, ids=lambda item: f"{item.rule}-{item.name}")
def test_no_exemption_is_left_over(programs: Mapping[str, list[Resource]], exemption: Exemption) -> None:
    rule = BY_NAME[exemption.rule]
    # As if this were production: nothing in a recording is protected.
    settings = {**rule.settings, "stacks": ["dev"]}
    for resources in programs.values():
        looked_at = [item for item in resources if rule.types(item.type)]
        found = [*rule.stack_check(looked_at, settings)] if rule.stack_check else []
        if rule.check is not None:
            found += [(item, problem) for item in looked_at for problem in rule.check(item, settings)]
        if any(exemption.covers(rule.name, item, problem) for item, problem in found):
            return
    pytest.fail("the object keeps the rule, or is gone: whatever has its name next would be excepted")
