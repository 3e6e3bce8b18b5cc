"""The stand-in for AWS: what it cannot carry out is an error, and what AWS refuses stays refused."""

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import grpc
import pytest
import yaml
from botocore.exceptions import ClientError
from pulumi.runtime.proto import provider_pb2

from components.snapshot_copies import SnapshotCopies, SnapshotCopiesArgs
from tests.aws import csi_drivers
from tests.aws.account import ROOT, Account
from tests.aws.provider import Provider
from tests.aws.resources import KINDS
from tests.aws.values import UNKNOWN, Unknown, from_struct, to_struct
from tests.support.recording import record

TAGS = {"project": "p", "stack": "s", "owner": "o"}
VPC = "aws:ec2/vpc:Vpc"
CLUSTER = "aws:eks/cluster:Cluster"
ROLE = "aws:iam/role:Role"
POLICY = "aws:dlm/lifecyclePolicy:LifecyclePolicy"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


class Refused(Exception):
    """What the engine would show to a person."""


class Context:
    """gRPC's, as far as the provider uses it."""

    def __init__(self) -> None:
        self.metadata: Any = ()

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Refused(f"{code.name}: {details}")

    def set_trailing_metadata(self, metadata: Any) -> None:
        self.metadata = metadata


class Engine:
    """Calls the provider as Pulumi does."""

    def __init__(self) -> None:
        self.provider = Provider()
        self.context = Context()
        config = {"region": "eu-central-1", "defaultTags": json.dumps({"tags": TAGS})}
        self.provider.Configure(provider_pb2.ConfigureRequest(args=to_struct(config)), self.context)

    @staticmethod
    def urn(token: str, name: str) -> str:
        return f"urn:pulumi:s::p::{token}::{name}"

    def check(
        self, token: str, inputs: Mapping[str, Any], old: Mapping[str, Any] | None = None, name: str = "thing"
    ) -> dict[str, Any]:
        request = provider_pb2.CheckRequest(
            urn=self.urn(token, name), news=to_struct(inputs), olds=to_struct(old) if old else None
        )
        answer = self.provider.Check(request, self.context)
        if answer.failures:
            raise Refused(answer.failures[0].reason)
        return from_struct(answer.inputs)

    def diff(self, token: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Any:
        state = to_struct({**old, "tagsAll": TAGS})
        return self.provider.Diff(
            provider_pb2.DiffRequest(
                urn=self.urn(token, "thing"), olds=state, old_inputs=to_struct(old), news=to_struct(new)
            ),
            self.context,
        )

    def create(
        self, token: str, inputs: Mapping[str, Any], name: str = "thing", *, preview: bool = False
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Its id, its outputs, its inputs."""
        checked = self.check(token, inputs, name=name)
        answer = self.provider.Create(
            provider_pb2.CreateRequest(
                urn=self.urn(token, name), properties=to_struct(checked), preview=preview
            ),
            self.context,
        )
        return answer.id, from_struct(answer.properties), checked

    def update(
        self, token: str, made: tuple[str, dict[str, Any], dict[str, Any]], inputs: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """As `create`, in place."""
        identity, state, old = made
        checked = self.check(token, inputs, old=old)
        answer = self.provider.Update(
            provider_pb2.UpdateRequest(
                urn=self.urn(token, "thing"),
                id=identity,
                olds=to_struct(state),
                old_inputs=to_struct(old),
                news=to_struct(checked),
            ),
            self.context,
        )
        return identity, from_struct(answer.properties), checked

    def delete(self, token: str, made: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
        identity, state, inputs = made
        self.provider.Delete(
            provider_pb2.DeleteRequest(
                urn=self.urn(token, "thing"),
                id=identity,
                properties=to_struct(state),
                old_inputs=to_struct(inputs),
            ),
            self.context,
        )

    def invoke(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        request = provider_pb2.InvokeRequest(tok=token, args=to_struct(arguments))
        answer = self.provider.Invoke(request, self.context)
        return from_struct(getattr(answer, "return"))


@pytest.fixture
def engine() -> Engine:
    return Engine()


KUBECONFIG = {
    "current-context": "real",
    "contexts": [{"name": "real", "context": {"cluster": "real", "user": "me"}}],
    "clusters": [
        {
            "name": "real",
            "cluster": {
                "server": "https://127.0.0.1:6443",
                "certificate-authority-data": base64.b64encode(b"an authority").decode(),
            },
        }
    ],
    "users": [
        {
            "name": "me",
            "user": {
                "client-certificate-data": base64.b64encode(b"a certificate").decode(),
                "client-key-data": base64.b64encode(b"a key").decode(),
            },
        }
    ],
}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    path = tmp_path_factory.mktemp("real") / "kubeconfig"
    path.write_text(yaml.safe_dump(KUBECONFIG), encoding="utf-8")
    with Account(kubeconfig=path) as account:
        yield account


@pytest.fixture
def connected(account: Account, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("TTS_AWS_ENDPOINT", account.endpoint)
    return Engine()


class TestNothingPassesUnjudged:
    def test_a_type_without_a_call_is_named(self, engine: Engine) -> None:
        with pytest.raises(Refused, match="aws:sqs/queue:Queue: this type is not rehearsed"):
            engine.check("aws:sqs/queue:Queue", {})

    def test_a_property_without_a_call_is_named(self, engine: Engine) -> None:
        with pytest.raises(Refused, match="property ipv6CidrBlock is not rehearsed"):
            engine.check(VPC, {"cidrBlock": "10.0.0.0/16", "ipv6CidrBlock": "::/56"})

    def test_so_is_one_inside_of_another(self, engine: Engine) -> None:
        with pytest.raises(Refused, match=r"property vpcConfig\.subnetIDs is not rehearsed"):
            engine.check(CLUSTER, {"vpcConfig": {"subnetIDs": []}})

    def test_a_lookup_without_a_call_is_named(self, engine: Engine) -> None:
        with pytest.raises(Refused, match="aws:ec2/getAmi:getAmi: this lookup is not rehearsed"):
            engine.invoke("aws:ec2/getAmi:getAmi", {})

    def test_a_setting_of_the_provider_that_does_nothing_here_is_named(self, engine: Engine) -> None:
        request = provider_pb2.CheckRequest(news=to_struct({"region": "r", "profile": "mine"}))
        (failure,) = engine.provider.CheckConfig(request, engine.context).failures
        assert failure.property == "profile", "a program could rest on another account than it says"

    def test_without_an_account_it_says_how_to_get_one(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("TTS_AWS_ENDPOINT", raising=False)
        with pytest.raises(Refused, match="TTS_AWS_ENDPOINT is not set"):
            engine.create(VPC, {"cidrBlock": "10.0.0.0/16"})

    def test_a_wrong_shape_is_refused_by_the_model_of_aws(self, connected: Engine) -> None:
        with pytest.raises(Refused, match="Invalid type for parameter CidrBlock"):
            connected.create(VPC, {"cidrBlock": 10})


class TestDifferences:
    def test_what_aws_cannot_change_replaces(self, engine: Engine) -> None:
        answer = engine.diff(VPC, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.1.0.0/16"})
        assert list(answer.replaces) == ["cidrBlock"], "a rehearsal would miss that a VPC is made anew"

    def test_what_aws_can_change_does_not(self, engine: Engine) -> None:
        answer = engine.diff(VPC, {"enableDnsSupport": False}, {"enableDnsSupport": True})
        assert answer.diffs == ["enableDnsSupport"]
        assert not answer.replaces

    def test_a_nested_property_replaces_alone(self, engine: Engine) -> None:
        group = "aws:eks/nodeGroup:NodeGroup"
        old = {"launchTemplate": {"id": "lt-1", "version": "1"}}
        newer = {"launchTemplate": {"id": "lt-1", "version": "2"}}
        other = {"launchTemplate": {"id": "lt-2", "version": "1"}}
        assert not engine.diff(group, old, newer).replaces, "a new version rolls through the group"
        assert engine.diff(group, old, other).replaces, "a group keeps its launch template"

    def test_nothing_changed_is_nothing(self, engine: Engine) -> None:
        same = {"cidrBlock": "10.0.0.0/16", "tags": {}}
        assert engine.diff(VPC, same, same).changes == provider_pb2.DiffResponse.DIFF_NONE

    def test_another_default_tag_is_a_change(self, engine: Engine) -> None:
        engine.provider.default_tags = {**TAGS, "owner": "somebody else"}
        assert engine.diff(VPC, {}, {}).diffs == ["tagsAll"], "the bill would go on naming the last owner"

    def test_a_chosen_name_is_free_before_it_is_taken_again(self, engine: Engine) -> None:
        chosen, made_up = "mine", "thing-0123abc"
        for name, first in ((chosen, True), (made_up, False)):
            answer = engine.diff(ROLE, {"name": name, "path": "/"}, {"name": name, "path": "/x/"})
            assert answer.deleteBeforeReplace is first, "AWS takes no second role of a name"


class TestPreviews:
    def test_what_only_aws_knows_is_unknown(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TTS_AWS_ENDPOINT", raising=False)
        inputs = {"roleArn": UNKNOWN, "vpcConfig": {"subnetIds": [UNKNOWN]}}
        _, state, _ = engine.create(CLUSTER, inputs, preview=True)
        assert isinstance(state["endpoint"], Unknown)
        assert isinstance(state["vpcConfig"]["clusterSecurityGroupId"], Unknown)
        assert state["tagsAll"] == TAGS


class TestNames:
    def test_a_name_is_made_up_and_kept(self, engine: Engine) -> None:
        first = engine.check(ROLE, {"assumeRolePolicy": TRUST}, name="node")
        again = engine.check(ROLE, {"assumeRolePolicy": TRUST}, old=first, name="node")
        assert first["name"].startswith("node-")
        assert again["name"] == first["name"], "each update would replace the role"


def network(engine: Engine) -> tuple[Any, list[Any]]:
    vpc = engine.create(VPC, {"cidrBlock": "10.0.0.0/16"})
    subnets = [
        engine.create(
            "aws:ec2/subnet:Subnet",
            {"vpcId": vpc[0], "cidrBlock": f"10.0.{number}.0/24", "availabilityZone": zone},
        )
        for number, zone in enumerate(("eu-central-1a", "eu-central-1b"))
    ]
    return vpc, subnets


class TestTheAccount:
    def test_it_is_empty_at_first_and_at_last(self, account: Account, connected: Engine) -> None:
        assert account.inventory() == [], "nobody could tell what a stack left behind"
        vpc, subnets = network(connected)
        assert account.counts() == {"ec2:subnet": 2, "ec2:vpc": 1}
        assert not account.untagged()
        with pytest.raises(Refused, match="DependencyViolation"):
            connected.delete(VPC, vpc)
        for subnet in subnets:
            connected.delete("aws:ec2/subnet:Subnet", subnet)
        connected.delete(VPC, vpc)
        assert account.inventory() == []

    def test_what_is_in_use_is_not_deleted(self, account: Account) -> None:
        ec2 = account.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
        used, user = (
            ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in "ab"
        )
        source = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": used}]}
        ec2.authorize_security_group_ingress(GroupId=user, IpPermissions=[source])
        steps: dict[str, Callable[[], Any]] = {
            "subnet": lambda: ec2.delete_subnet(SubnetId=subnet),
            "address": lambda: ec2.release_address(AllocationId=address),
            "way out": lambda: ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc),
            "source": lambda: ec2.delete_security_group(GroupId=used),
        }
        for step in steps.values():
            with pytest.raises(ClientError, match=r"DependencyViolation|InUse"):
                step()
        ec2.delete_nat_gateway(NatGatewayId=nat)
        ec2.delete_security_group(GroupId=user)
        for name in ("subnet", "address", "source"):
            steps[name]()
        with pytest.raises(ClientError, match="DependencyViolation"):
            ec2.delete_vpc(VpcId=vpc)
        steps["way out"]()
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
        ec2.delete_vpc(VpcId=vpc)
        assert account.inventory() == []

    def test_what_nobody_tagged_is_found(self, account: Account) -> None:
        ec2 = account.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        assert [thing.id for thing in account.untagged()] == [vpc]
        ec2.delete_vpc(VpcId=vpc)

    def test_half_of_a_creation_is_not_lost(self, connected: Engine, account: Account) -> None:
        system = "aws:efs/fileSystem:FileSystem"
        with pytest.raises(Refused):
            connected.create(system, {"lifecyclePolicies": [{"transitionToIa": "NEVER"}], "kmsKeyId": 1})
        assert not connected.context.metadata, "there is nothing to keep"
        with pytest.raises(Refused):
            connected.create(system, {"lifecyclePolicies": [{"transitionToIa": 1}]})
        ((key, detail),) = connected.context.metadata
        (made,) = account.client("efs").describe_file_systems()["FileSystems"]
        assert key == "grpc-status-details-bin"
        assert made["FileSystemId"].encode() in detail, "no destroy would ever delete it"
        account.client("efs").delete_file_system(FileSystemId=made["FileSystemId"])


class TestEks:
    @pytest.fixture
    def cluster(self, connected: Engine, account: Account) -> Iterator[Any]:
        vpc, subnets = network(connected)
        role = connected.create(ROLE, {"assumeRolePolicy": TRUST})
        self.role = role[1]["arn"]
        made = connected.create(
            CLUSTER,
            {
                "name": "prod",
                "roleArn": self.role,
                "vpcConfig": {"subnetIds": [subnet[0] for subnet in subnets]},
                "accessConfig": {"authenticationMode": "API"},
                "deletionProtection": True,
            },
        )
        yield made
        account.client("eks").update_cluster_config(name="prod", deletionProtection=False)
        connected.delete(CLUSTER, made)
        for subnet in subnets:
            connected.delete("aws:ec2/subnet:Subnet", subnet)
        connected.delete(VPC, vpc)
        connected.delete(ROLE, role)
        assert account.inventory() == [], "EKS's own security group goes with the cluster"

    def refused(self, code: str) -> Any:
        return pytest.raises(ClientError, match=code)

    def test_a_protected_cluster_is_not_deleted(self, connected: Engine, cluster: Any) -> None:
        with pytest.raises(Refused, match="deletion protection is enabled"):
            connected.delete(CLUSTER, cluster)

    def test_the_real_cluster_stands_behind_it(self, cluster: Any) -> None:
        assert cluster[1]["endpoint"] == "https://127.0.0.1:6443"
        assert base64.b64decode(cluster[1]["certificateAuthority"]["data"]) == b"an authority"

    def test_an_add_on_that_is_not_there_is_not_found(self, connected: Engine, cluster: Any) -> None:
        arguments = {"clusterName": "prod", "addonName": "vpc-cni"}
        with pytest.raises(Refused, match="couldn't find resource"):
            connected.invoke("aws:eks/getAddon:getAddon", arguments)
        found = connected.invoke("aws:eks/getCluster:getCluster", {"name": "prod"})
        assert found["vpcConfig"]["vpcId"] == cluster[1]["vpcConfig"]["vpcId"]

    def test_what_eks_refuses(self, account: Account, cluster: Any) -> None:
        eks, name = account.client("eks"), cluster[0]
        with self.refused("ResourceNotFoundException"):
            eks.create_addon(clusterName="another", addonName="coredns")
        eks.create_addon(clusterName=name, addonName="coredns")
        with self.refused("ResourceInUseException"):
            eks.create_addon(clusterName=name, addonName="coredns")
        identity = {"clusterName": name, "namespace": "tts", "serviceAccount": "tts"}
        with self.refused("does not exist"):
            eks.create_pod_identity_association(**identity, roleArn="arn:aws:iam::123456789012:role/nobody")
        eks.create_pod_identity_association(**identity, roleArn=self.role)
        with self.refused("already exists"):
            eks.create_pod_identity_association(**identity, roleArn=self.role)
        with self.refused("ResourceNotFoundException"):
            eks.associate_access_policy(
                clusterName=name,
                principalArn=self.role,
                policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
                accessScope={"type": "cluster"},
            )
        eks.create_access_entry(clusterName=name, principalArn=self.role)
        with self.refused("ResourceInUseException"):
            eks.create_access_entry(clusterName=name, principalArn=self.role)

    def get_token(self, account: Account, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **account.environment, "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"}
        command = [str(ROOT / "tests" / "aws" / "bin" / "aws"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    @pytest.mark.usefixtures("cluster")
    def test_a_token_is_for_a_cluster_that_is_there(self, account: Account) -> None:
        asked = ["eks", "get-token", "--cluster-name", "prod", "--region", account.region, "--output", "json"]
        granted = self.get_token(account, *asked)
        assert json.loads(granted.stdout)["status"] == {
            "clientCertificateData": "a certificate",
            "clientKeyData": "a key",
        }
        asked[3] = "another"
        refused = self.get_token(account, *asked)
        assert (refused.returncode, refused.stdout) == (2, ""), "kubectl would go on with no identity"


class TestDataLifecycleManager:
    target: ClassVar = {"kubernetes.io/cluster/prod": "owned"}
    month: ClassVar = {"cronExpression": "cron(30 3 1 * ? *)"}
    week: ClassVar = {"cronExpression": "cron(30 3 ? * MON *)"}

    @pytest.fixture
    def role(self, connected: Engine) -> Iterator[str]:
        trust = {"Effect": "Allow", "Principal": {"Service": "dlm.amazonaws.com"}, "Action": "sts:AssumeRole"}
        made = connected.create(
            ROLE, {"assumeRolePolicy": json.dumps({"Version": "2012-10-17", "Statement": [trust]})}
        )
        yield made[1]["arn"]
        connected.delete(ROLE, made)

    def inputs(self, role: str, **schedule: Any) -> dict[str, Any]:
        return {
            "description": "Copies of the disks of prod",
            "executionRoleArn": role,
            "state": "ENABLED",
            "policyDetails": {
                "policyType": "EBS_SNAPSHOT_MANAGEMENT",
                "resourceTypes": ["VOLUME"],
                "targetTags": self.target,
                "schedules": [
                    {
                        "name": "daily",
                        "createRule": {"interval": 24, "intervalUnit": "HOURS", "times": "02:30"},
                        "retainRule": {"interval": 2, "intervalUnit": "DAYS"},
                        "copyTags": True,
                        **schedule,
                    }
                ],
            },
        }

    def copied(self, target: str = "us-east-1", **rule: Any) -> list[dict[str, Any]]:
        kept = {"interval": 7, "intervalUnit": "DAYS"}
        return [{"target": target, "encrypted": True, "copyTags": True, "retainRule": kept, **rule}]

    def archived(self, interval: int, unit: str = "DAYS") -> dict[str, Any]:
        return {"archiveRetainRule": {"retentionArchiveTier": {"interval": interval, "intervalUnit": unit}}}

    def test_a_policy_comes_changes_and_goes(self, connected: Engine, account: Account, role: str) -> None:
        made = connected.create(POLICY, self.inputs(role, crossRegionCopyRules=self.copied()))
        assert account.counts()["dlm:policy"] == 1
        assert not [thing for thing in account.untagged() if thing.type == "dlm:policy"]
        dlm = account.client("dlm")
        policy = dlm.get_lifecycle_policy(PolicyId=made[0])["Policy"]
        assert policy["PolicyArn"] == made[1]["arn"]
        assert policy["PolicyDetails"]["Schedules"][0]["CreateRule"]["Times"] == ["02:30"]

        connected.provider.default_tags = {**TAGS, "owner": "another"}
        shared = {"targetAccounts": ["012345678901"]}
        changed = connected.update(POLICY, made, self.inputs(role, shareRule=shared))
        policy = dlm.get_lifecycle_policy(PolicyId=made[0])["Policy"]
        (schedule,) = policy["PolicyDetails"]["Schedules"]
        assert schedule["ShareRules"] == [{"TargetAccounts": ["012345678901"]}]
        assert "CrossRegionCopyRules" not in schedule, "a copy that was taken out would go on"
        assert policy["Tags"]["owner"] == "another"

        connected.delete(POLICY, changed)
        assert account.counts()["dlm:policy"] == 0
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            dlm.get_lifecycle_policy(PolicyId=made[0])

    def test_a_further_schedule_replaces(self, engine: Engine) -> None:
        one = self.inputs("arn:aws:iam::123456789012:role/dlm")
        two = self.inputs("arn:aws:iam::123456789012:role/dlm")
        two["policyDetails"]["schedules"] *= 2
        assert list(engine.diff(POLICY, one, two).replaces) == ["policyDetails"], (
            "what the first policy took would stay until somebody deletes it"
        )

    def test_what_aws_refuses(self, connected: Engine, role: str) -> None:
        archive, day = self.archived(93), {"interval": 1, "intervalUnit": "DAYS"}
        for reason, inputs in (
            ("cannot be assumed", self.inputs("arn:aws:iam::123456789012:role/nobody")),
            ("Description", self.inputs(role) | {"description": "Copies (daily)"}),
            ("own region", self.inputs(role, crossRegionCopyRules=self.copied("eu-central-1"))),
            (
                "no TargetRegion",
                self.inputs(role, crossRegionCopyRules=self.copied(targetRegion="us-east-1")),
            ),
            ("RetainRule of a copy", self.inputs(role, crossRegionCopyRules=self.copied(retainRule={}))),
            ("TargetAccounts", self.inputs(role, shareRule={"targetAccounts": ["12345"]})),
            ("28 days", self.inputs(role, archiveRule=archive)),
            ("28 days", self.inputs(role, archiveRule=archive, createRule=self.week)),
            ("90 days", self.inputs(role, archiveRule=self.archived(89), createRule=self.month)),
            (
                "Times",
                self.inputs(role, createRule={"interval": 24, "intervalUnit": "HOURS", "times": "2:30"}),
            ),
            ("Interval", self.inputs(role, createRule={"interval": 5, "intervalUnit": "HOURS"})),
            ("by Count, or", self.inputs(role, retainRule={**day, "count": 3})),
        ):
            with pytest.raises(Refused, match=reason):
                connected.create(POLICY, inputs)
        with pytest.raises(Refused, match=r"shareRule\.accounts is not rehearsed"):
            connected.create(POLICY, self.inputs(role, shareRule={"accounts": []}))

    def test_no_two_policies_have_a_tag(self, connected: Engine, role: str) -> None:
        made = connected.create(POLICY, self.inputs(role))
        with pytest.raises(Refused, match="duplicated: TargetTags"):
            connected.create(POLICY, self.inputs(role))
        connected.delete(POLICY, made)

    def test_what_the_component_says_is_what_aws_takes(self, connected: Engine, role: str) -> None:
        args = SnapshotCopiesArgs(
            region="eu-central-1",
            cluster_name="tts-platform-prod",
            copy_region="us-east-1",
            copy_days=7,
            share_accounts=("012345678901",),
            archive_months=3,
            kms_key="arn:aws:kms:eu-central-1:123456789012:key/0ea3fef3",
        )

        def program() -> None:
            SnapshotCopies("copies", args)

        identity = {"aws:index/getCallerIdentity:getCallerIdentity": {"accountId": "123456789012"}}
        said = [item.inputs for item in record(program, identity).resources if item.type == POLICY]
        made = [connected.create(POLICY, {**inputs, "executionRoleArn": role}) for inputs in said]
        assert len(made) == 2
        for policy in made:
            connected.delete(POLICY, policy)

    def test_a_regions_key_for_ebs_is_looked_up(self, connected: Engine, account: Account) -> None:
        lookup = "aws:ebs/getDefaultKmsKey:getDefaultKmsKey"
        assert connected.invoke(lookup, {})["keyArn"] == "alias/aws/ebs", "AWS's own, unless somebody chose"
        key = account.client("kms").create_key()["KeyMetadata"]
        account.client("ec2").modify_ebs_default_kms_key_id(KmsKeyId=key["KeyId"])
        assert connected.invoke(lookup, {})["keyArn"] == key["Arn"]
        account.client("kms").schedule_key_deletion(KeyId=key["KeyId"])


def test_other_commands_of_the_cli_are_refused() -> None:
    command = [str(ROOT / "tests" / "aws" / "bin" / "aws"), "s3", "ls"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert refused.stderr == "aws s3 ls: this command is not rehearsed\n"


@pytest.mark.parametrize("addon", sorted(csi_drivers.DRIVERS))
def test_a_driver_provisions_under_the_name_that_storage_classes_use(addon: str) -> None:
    (deployment,) = [item for item in csi_drivers.objects(addon) if item["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert csi_drivers.DRIVERS[addon] in container["command"], "claims would wait for ever"


def test_no_property_is_known_that_the_sdk_has_not() -> None:
    """Read from the SDK's text: importing all of it takes half a minute."""
    import pulumi_aws

    package = Path(pulumi_aws.__file__).parent
    wrong = []
    for token, kind in KINDS.items():
        service, _, rest = token.removeprefix("aws:").partition("/")
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in rest.partition(":")[0])
        text = (package / service / f"{snake}.py").read_text(encoding="utf-8")
        wrong += [f"{token} {name}" for name in kind.all_fields() if not _is_property(name, text)]
    assert not wrong


def _is_property(name: str, text: str) -> bool:
    return f'@pulumi.getter(name="{name}")' in text or f"def {name}(self) ->" in text


class Calls:
    """An API server that is always content, and remembers."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []

    def client(self) -> Any:
        import kubernetes

        client = kubernetes.client.ApiClient(kubernetes.client.Configuration(host="https://127.0.0.1:1"))
        client.call_api = self.call
        return client

    def call(self, path: str, method: str, parameters: Mapping[str, str], *_: Any, **options: Any) -> Any:
        body = options.get("body") or {}
        name = parameters.get("name") or body.get("metadata", {}).get("name", "")
        self.made.append((method, f"{path.removesuffix('/{name}')} {name}"))
        return SimpleNamespace(items=[])


@pytest.mark.parametrize("addon", sorted(csi_drivers.DRIVERS))
def test_what_a_driver_brings_goes_with_it(addon: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(csi_drivers.KUBECONFIG, "somewhere")
    came, went = Calls(), Calls()
    monkeypatch.setattr(csi_drivers, "_client", came.client)
    csi_drivers.install(addon)
    monkeypatch.setattr(csi_drivers, "_client", went.client)
    csi_drivers.remove(addon)

    brought = {what for method, what in came.made if method == "POST"}
    assert len(brought) == len(csi_drivers.objects(addon))
    assert {what for method, what in went.made if method == "DELETE"} == brought, (
        "the cluster would not be as before"
    )
