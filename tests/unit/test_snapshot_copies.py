"""What Data Lifecycle Manager is told about the disks of a stack, seen by a recording engine."""

import json
from typing import Any

import pulumi_aws as aws
import pytest
from pulumi import RunError

from components.ebs_snapshot_tags import ebs_snapshot_tags
from components.snapshot_copies import SnapshotCopies, SnapshotCopiesArgs, refuse_another_key
from tests.support.recording import Recording, record

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0ea3fef3-80a7-4778-9d8c-1c0c6EXAMPLE"
ANSWERS = {
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
    "aws:ebs/getDefaultKmsKey:getDefaultKmsKey": {"keyArn": KEY},
}
OWNED = "kubernetes.io/cluster/tts-platform-prod"


def args(**changes: Any) -> SnapshotCopiesArgs:
    wanted: dict[str, Any] = {
        "region": "eu-central-1",
        "cluster_name": "tts-platform-prod",
        "copy_region": None,
        "copy_days": 7,
        "share_accounts": (),
        "archive_months": None,
        "kms_key": None,
    }
    return SnapshotCopiesArgs(**wanted | changes)


def copies(**changes: Any) -> Recording:
    def program() -> None:
        SnapshotCopies("copies", args(**changes))

    return record(program, ANSWERS)


def policies(recording: Recording) -> dict[str, Any]:
    return {
        item.name: item.inputs["policyDetails"]
        for item in recording.resources
        if item.type == "aws:dlm/lifecyclePolicy:LifecyclePolicy"
    }


def daily(**changes: Any) -> Any:
    (schedule,) = policies(copies(**changes))["copies-daily"]["schedules"]
    return schedule


def statements(**changes: Any) -> list[dict[str, Any]]:
    (policy,) = [item for item in copies(**changes).resources if item.type == "aws:iam/rolePolicy:RolePolicy"]
    made: list[dict[str, Any]] = json.loads(policy.inputs["policy"])["Statement"]
    return made


class TestWhichDisks:
    def test_only_those_that_the_driver_made_in_this_cluster(self) -> None:
        made = policies(copies(copy_region="us-east-1", archive_months=3))
        assert made["copies-daily"]["targetTags"] == {OWNED: "owned"}, (
            "a second tag would bring in every disk that has only that one: the nodes', another stack's"
        )
        assert all(details["resourceTypes"] == ["VOLUME"] for details in made.values())

    def test_two_policies_share_no_tag(self) -> None:
        made = policies(copies(copy_region="us-east-1", archive_months=3)).values()
        targets = [tag for details in made for tag in details["targetTags"].items()]
        assert len(set(targets)) == len(targets) == 2, "AWS refuses a second policy with the tags of a first"


class TestDailyCopies:
    def test_it_takes_its_own_after_the_snapshotters(self) -> None:
        rule = daily(copy_region="us-east-1")["createRule"]
        assert rule == {"interval": 24, "intervalUnit": "HOURS", "times": "02:30"}, (
            "Data Lifecycle Manager copies no snapshot that somebody else took"
        )

    def test_the_copy_is_kept_there_by_its_own_rule(self) -> None:
        schedule = daily(copy_region="us-east-1", copy_days=30)
        (rule,) = schedule["crossRegionCopyRules"]
        assert rule["target"] == "us-east-1"
        assert rule["retainRule"] == {"interval": 30, "intervalUnit": "DAYS"}
        assert schedule["retainRule"] == {"interval": 2, "intervalUnit": "DAYS"}, (
            "the one at home is for the copy alone, and the CSI snapshots are kept there already"
        )

    def test_the_copy_is_encrypted_and_says_whose_it_is(self) -> None:
        schedule = daily(copy_region="us-east-1")
        (rule,) = schedule["crossRegionCopyRules"]
        assert rule["encrypted"] is True
        assert schedule["copyTags"] is rule["copyTags"] is True, (
            "nobody could say whose it is, and the role may delete only what has the cluster's tag"
        )
        assert "cmkArn" not in rule, "a key of the disks' region is none in the other"

    def test_accounts_get_them_only_where_they_are_named(self) -> None:
        assert "shareRule" not in daily(copy_region="us-east-1")
        assert daily(share_accounts=("012345678901",), kms_key=KEY)["shareRule"] == {
            "targetAccounts": ["012345678901"]
        }

    def test_sharing_alone_copies_nothing(self) -> None:
        schedule = daily(share_accounts=("012345678901",), kms_key=KEY)
        assert "crossRegionCopyRules" not in schedule, "a second region is paid for by the gigabyte"


class TestArchive:
    def test_it_is_a_policy_of_its_own(self) -> None:
        assert set(policies(copies(archive_months=3))) == {"copies-monthly"}, (
            "a daily snapshot that nobody copies is only paid for"
        )
        assert set(policies(copies(archive_months=3, copy_region="us-east-1"))) == {
            "copies-daily",
            "copies-monthly",
        }, "a schedule more would replace the policy, and orphan what it took"

    @pytest.mark.parametrize("months", [3, 12])
    def test_it_keeps_for_the_whole_months(self, months: int) -> None:
        (schedule,) = policies(copies(archive_months=months))["copies-monthly"]["schedules"]
        kept = schedule["archiveRule"]["archiveRetainRule"]["retentionArchiveTier"]
        assert kept["intervalUnit"] == "DAYS"
        assert kept["interval"] >= months * 30.5, "AWS archives nothing for less than 90 days"
        assert schedule["createRule"] == {"cronExpression": "cron(30 3 1 * ? *)"}


class TestTheRole:
    def test_only_this_accounts_policies_take_it_on(self) -> None:
        (role,) = [item for item in copies(archive_months=3).resources if item.type == "aws:iam/role:Role"]
        (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert statement["Principal"] == {"Service": "dlm.amazonaws.com"}
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:dlm:eu-central-1:{ACCOUNT}:policy/*"},
        }, "another account's policy could have the service act here"

    def test_it_deletes_and_shares_only_this_clusters(self) -> None:
        dangerous = {"ec2:DeleteSnapshot", "ec2:ModifySnapshotAttribute", "ec2:ModifySnapshotTier"}
        wanted = {"copy_region": "us-east-1", "share_accounts": ("012345678901",), "archive_months": 3}
        found = [item for item in statements(**wanted, kms_key=KEY) if dangerous & set(item["Action"])]
        assert {action for item in found for action in item["Action"]} >= dangerous
        for item in found:
            assert item["Condition"] == {"StringEquals": {f"aws:ResourceTag/{OWNED}": "owned"}}, (
                "the account has snapshots of others too"
            )

    def test_it_takes_snapshots_only_of_this_clusters_disks(self) -> None:
        (of_disks,) = [item for item in statements(archive_months=3) if "volume/*" in item["Resource"][0]]
        assert of_disks["Action"] == ["ec2:CreateSnapshot"]
        assert of_disks["Condition"] == {"StringEquals": {f"aws:ResourceTag/{OWNED}": "owned"}}

    def test_it_may_nothing_that_no_setting_asks_for(self) -> None:
        allowed = {action for item in statements(copy_region="us-east-1") for action in item["Action"]}
        assert not allowed & {"ec2:ModifySnapshotAttribute", "ec2:ModifySnapshotTier"}
        assert not any(action.startswith("kms:") for action in allowed), "AWS's own key asks for no right"
        assert "ec2:CopySnapshot" in allowed
        archive = {action for item in statements(archive_months=3) for action in item["Action"]}
        assert "ec2:CopySnapshot" not in archive

    def test_it_changes_something_in_the_two_regions_only(self) -> None:
        changing = [
            resource
            for item in statements(copy_region="us-east-1")
            for resource in item["Resource"]
            if not all(action.startswith("ec2:Describe") for action in item["Action"])
        ]
        assert {resource.split(":")[3] for resource in changing} == {"eu-central-1", "us-east-1"}

    def test_a_customers_key_is_for_what_aws_does_with_it(self) -> None:
        of_key = [
            item for item in statements(copy_region="us-east-1", kms_key=KEY) if item["Resource"] == [KEY]
        ]
        (grants,) = [item for item in of_key if item["Action"] == ["kms:CreateGrant"]]
        assert grants["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        assert {"kms:Decrypt", "kms:ReEncryptFrom"} <= {
            action for item in of_key for action in item["Action"]
        }


class TestTheKey:
    def asked(self, key: str | None) -> None:
        def program() -> None:
            refuse_another_key(args(kms_key=key), aws.Provider("account", region="eu-central-1"))

        record(program, ANSWERS if key else {})

    def test_the_regions_own_is_taken(self) -> None:
        self.asked(KEY)

    def test_another_is_refused_with_the_way_out(self) -> None:
        other = KEY.replace("0ea3", "1fb4")
        with pytest.raises(RunError, match="modify-ebs-default-kms-key-id --region eu-central-1") as refused:
            self.asked(other)
        assert KEY in str(refused.value), "who is to mend it has to know what is there"

    def test_nothing_is_asked_without_one(self) -> None:
        self.asked(None)


class TestTagsOfTheSnapshotters:
    def test_each_is_a_parameter_of_the_class(self) -> None:
        assert ebs_snapshot_tags({"stack": "prod", "owner": "speech = us", "project": "tts-platform"}) == {
            "tagSpecification_1": "owner=speech = us",
            "tagSpecification_2": "project=tts-platform",
            "tagSpecification_3": "stack=prod",
        }

    @pytest.mark.parametrize("tags", [{"a=b": "c"}, {"": "c"}, {"a": "{{ .VolumeSnapshotName }}"}])
    def test_what_the_driver_would_read_otherwise_is_refused(self, tags: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="the EBS driver would read another tag"):
            ebs_snapshot_tags(tags)
