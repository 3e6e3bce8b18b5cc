"""The EBS tier: what copies snapshots, from a stack's settings to the account, by the real engine.

Production is rehearsed on EFS. Of a stack on EBS only this part is made here: it takes no cluster, and a minute.
That the program makes it so, and the class of the snapshots: tests/unit/test_program_on_ebs.py.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.account import Account
from tests.rehearsal.conftest import SETTINGS
from tests.support.project import Finished, Project

PROGRAM = """
import pulumi

from components.aws_account import account
from components.snapshot_copies import SnapshotCopies, refuse_another_key
from stacks import arguments, config

stack = config.current()
platform = arguments.aws_platform(stack, stack.aws, frozenset())
parent = pulumi.ComponentResource("test:Platform", "aws")
provider = account("aws-account", region=platform.region, tags=platform.tags, parent=parent)
if platform.snapshot_copies is not None:
    refuse_another_key(platform.snapshot_copies, provider)
    SnapshotCopies("copies", platform.snapshot_copies, pulumi.ResourceOptions(parent=parent, providers=[provider]))
"""
"""As components/aws_platform.py does, without all the rest."""

COPIED: dict[str, Any] = {
    "storage": "ebs",
    "accessMode": "ReadWriteOnce",
    "replicas": "1",
    "rollout": "in-place",
    "snapshotCopyRegion": "us-east-1",
}


class Part:
    """The program above, with production's settings."""

    def __init__(self, directory: Path) -> None:
        self._project = Project(directory)
        (directory / "__main__.py").unlink()
        (directory / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        self._project.stack("prod", SETTINGS | COPIED)

    def set(self, key: str, value: str) -> None:
        path = ["--path"] if "[" in key else []
        finished = self._project.pulumi("config", "set", "--stack=prod", *path, f"tts-platform:{key}", value)
        assert finished.code == 0, finished.output

    def up(self, *options: str) -> Finished:
        return self._project.pulumi("up", "--yes", "--skip-preview", "--stack=prod", *options)

    def destroy(self) -> Finished:
        return self._project.pulumi("destroy", "--yes", "--skip-preview", "--stack=prod")


@pytest.fixture
def empty() -> Iterator[Account]:
    with Account() as account:
        yield account


@pytest.fixture
def part(empty: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Part:
    for name, value in empty.environment.items():
        monkeypatch.setenv(name, value)
    return Part(tmp_path)


def schedules(account: Account) -> dict[str, Any]:
    dlm = account.client("dlm")
    found = [
        dlm.get_lifecycle_policy(PolicyId=policy["PolicyId"])["Policy"]
        for policy in dlm.get_lifecycle_policies()["Policies"]
    ]
    return {item["PolicyId"]: item["PolicyDetails"]["Schedules"][0] for item in found}


def test_copies_come_change_and_go(part: Part, empty: Account) -> None:
    made = part.up()
    assert made.code == 0, made.output
    assert empty.counts() == Counter({"dlm:policy": 1, "iam:role": 1})
    assert not empty.untagged(), "a bill has to say whose each resource is"
    ((daily, schedule),) = schedules(empty).items()
    assert schedule["CrossRegionCopyRules"][0]["Target"] == "us-east-1"

    again = part.up("--expect-no-changes")
    assert again.code == 0, again.output

    part.set("snapshotCopiesKept", "30")
    part.set("snapshotArchiveMonths", "12")
    changed = part.up()
    assert changed.code == 0, changed.output
    assert len(schedules(empty)) == 2
    kept = schedules(empty)[daily]["CrossRegionCopyRules"][0]["RetainRule"]
    assert kept["Interval"] == 30, "another policy would orphan what the first one took"

    gone = part.destroy()
    assert gone.code == 0, gone.output
    assert not empty.counts(), "a policy that nobody knows of goes on taking snapshots"


def test_a_key_that_disks_are_not_encrypted_by_is_refused(part: Part, empty: Account) -> None:
    key = empty.client("kms").create_key()["KeyMetadata"]
    part.set("snapshotKmsKey", key["Arn"])
    part.set("snapshotShareAccounts[0]", "012345678901")
    refused = part.up()
    assert refused.code != 0
    assert "disks are encrypted by alias/aws/ebs" in refused.output
    assert empty.counts() == Counter({"kms:key": 1}), "nothing is made before the key is right"

    empty.client("ec2").modify_ebs_default_kms_key_id(KmsKeyId=key["KeyId"])
    made = part.up()
    assert made.code == 0, made.output
    (schedule,) = schedules(empty).values()
    assert schedule["ShareRules"] == [{"TargetAccounts": ["012345678901"]}]
