"""The whole program with production's settings on EBS, seen by a recording engine: what takes and copies snapshots.

The rehearsal runs production on EFS, which has none of it.
"""

import asyncio
import json
import runpy
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import MockCallArgs

from tests.support.eks import Aws
from tests.support.project import ROOT
from tests.unit.test_cert_manager import RENDERED

ON_EBS: Mapping[str, Any] = {
    "storage": "ebs",
    "accessMode": "ReadWriteOnce",
    "replicas": "1",
    "rollout": "in-place",
    "delivery": "direct",
    "gitRepository": "",
    # Those that are committed are placeholders, which an update refuses.
    "domain": "tts.speech.test",
    "acmeEmail": "",
    "issuer": "in-cluster-ca",
    "image": "registry.speech.test/speech/cosyvoice:1.4.2",
    "owner": "the team",
    "apiCidrs": ["198.18.0.0/15"],
}

COPIED = {"snapshotCopyRegion": "us-east-1", "snapshotArchiveMonths": "12"}

WHOSE = {"project": "tts-platform", "stack": "prod", "owner": "the team"}


class Account(Aws):
    """An account with nothing in it, and a stack without a state."""

    there: Mapping[str, str] = {}
    running: Mapping[str, Any] = {"accountId": "111122223333"}

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        if args.token == "pulumi:pulumi:readStackResourceOutputs":  # noqa: S105 - the name of a call
            return {"outputs": {}}, []
        if args.token == "kubernetes:helm:template":  # noqa: S105 - the same
            return {"result": deepcopy(RENDERED)}, []
        return super().call(args)


def every_setting(changes: Mapping[str, Any]) -> dict[str, str]:
    """By full name, as the engine hands them to the program: the defaults too."""
    keys = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    defaults = {f"tts-platform:{key}": about["default"] for key, about in keys.items() if "default" in about}
    committed = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8"))["config"]
    values = {**defaults, **committed, **{f"tts-platform:{key}": value for key, value in changes.items()}}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


@pytest.fixture(autouse=True)
def _settings_end_with_the_test() -> Iterator[None]:
    yield
    pulumi.runtime.set_all_config({})


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(**changes: Any) -> Aws:
        settings = every_setting({**ON_EBS, **changes})
        monkeypatch.setenv("PULUMI_CONFIG", json.dumps(settings))
        pulumi.runtime.set_all_config(settings)
        account = Account()
        asyncio.set_event_loop(asyncio.new_event_loop())
        pulumi.runtime.set_mocks(account, project="tts-platform", stack="prod", preview=False)
        whole = pulumi.runtime.test(lambda: runpy.run_path(str(ROOT / "__main__.py")) and None)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
        whole()
        return account

    return run


def made(account: Aws, kind: str) -> list[Mapping[str, Any]]:
    return [item.inputs for item in account.resources if item.type == kind]


def test_the_snapshots_of_its_disks_say_whose_they_are_and_outlive_it(program: Any) -> None:
    account = program()
    found = account.object("VolumeSnapshotClass", "tts-snapshots")
    tags = dict(value.split("=", 1) for value in found["parameters"].values())
    assert tags == WHOSE, "the driver gives a snapshot none of its disk's tags"
    assert all(key.startswith("tagSpecification_") for key in found["parameters"]), (
        "the driver refuses any other"
    )
    assert found["deletionPolicy"] == "Retain", "production's snapshots would go with its namespace"
    (storage,) = account.objects("StorageClass")
    assert found["driver"] == storage["provisioner"] == "ebs.csi.aws.com", "another driver's class takes none"


def test_what_takes_them_uses_that_class(program: Any) -> None:
    account = program()
    for kind, name in (("CronJob", "snapshots"), ("Job", "pre-upgrade")):
        assert '"tts-snapshots"' in json.dumps(account.object(kind, name)), (
            "nothing is taken by a class that is not there"
        )


def test_without_the_keys_nothing_leaves_the_region(program: Any) -> None:
    assert not made(program(), "aws:dlm/lifecyclePolicy:LifecyclePolicy")


def test_the_copies_are_of_the_cluster_that_the_program_makes(program: Any) -> None:
    account = program(**COPIED)
    (cluster,) = made(account, "aws:eks/cluster:Cluster")
    policies = [item["policyDetails"] for item in made(account, "aws:dlm/lifecyclePolicy:LifecyclePolicy")]
    targets = [item["targetTags"] for item in policies]
    assert {f"kubernetes.io/cluster/{cluster['name']}": "owned"} in targets, (
        "no disk has another cluster's tag"
    )
    assert {"KubernetesCluster": cluster["name"]} in targets
    schedules = [schedule for policy in policies for schedule in policy["schedules"]]
    (rule,) = [rule for schedule in schedules for rule in schedule.get("crossRegionCopyRules", [])]
    assert rule["target"] == "us-east-1"


def test_a_log_that_was_begun_stays_append_only_without_snapshots(program: Any) -> None:
    account = program(storage="efs", accessMode="ReadWriteMany")
    assert not account.objects("VolumeSnapshotClass")
    assert account.object("ValidatingAdmissionPolicyBinding", "tts-audit"), (
        "its entries could be edited from then on"
    )
