"""What settings on AWS refuse, each with the key, the value, the reason and the way out; and what they become."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from components.storage_backend import EBS_STORAGE_CLASS, EFS_STORAGE_CLASS
from stacks import arguments
from stacks.load import load
from stacks.problems import Problem
from stacks.settings import ExistingClaim
from stacks.state_checks import resettled
from tests.support import settings

PROD: dict[str, Any] = {
    **settings.PROD,
    "awsRegion": "eu-central-1",
    "owner": "speech",
    "zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
    "gpuInstanceTypes": ["g6.2xlarge"],
    "gpuNodes": "3",
    "gpuNodesMax": "4",
    "apiCidrs": ["198.51.100.0/24"],
}
VPC = {
    "vpcId": "vpc-0123456789abcdef0",
    "publicSubnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "privateSubnetIds": ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"],
}
SINGLE = {"replicas": "1", "rollout": "in-place", "accessMode": "ReadWriteOnce"}
EBS: dict[str, Any] = SINGLE | {"storage": "ebs"}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/0ea3fef3-80a7-4778-9d8c-1c0c6EXAMPLE"
SHARED = {"snapshotShareAccounts": ["012345678901"], "snapshotKmsKey": KEY}
MODEL = {"engine": "vllm-omni", "args": ["--model", "/models/cosyvoice3"]}


def problems(
    changes: Mapping[str, Any], stack: str = "prod", existing: Mapping[str, ExistingClaim] | None = None
) -> dict[str, Problem]:
    return settings.problems({**PROD, **changes}, stack, existing)


REFUSED: list[tuple[str, Mapping[str, Any], str]] = [
    ("vpcCidr", {"vpcCidr": "172.16.0.0/16", "serviceCidr": "172.16.0.0/20"}, "overlaps serviceCidr"),
    ("vpcCidr", {"vpcCidr": "10.0.0.0/24"}, "too small for nodes and pods"),
    ("vpcCidr", {"vpcCidr": "10.0.0.0/8"}, "larger than a VPC may be"),
    ("vpcCidr", {"vpcCidr": "8.8.0.0/16"}, "not a private network"),
    ("serviceCidr", {"serviceCidr": "172.20.0.0/28"}, "not a network that EKS gives"),
    ("zones", {"zones": ["eu-central-1a"]}, "two or more"),
    ("zones", {"zones": ["eu-central-1a", "eu-central-1a", "eu-central-1b"]}, "names a zone twice"),
    ("apiCidrs", {"apiCidrs": []}, "nobody but the cluster's nodes"),
    ("publicSubnetIds", VPC | {"publicSubnetIds": VPC["privateSubnetIds"]}, "among privateSubnetIds too"),
    ("flowLogs", VPC | {"flowLogs": "true"}, "would change nothing"),
    ("zones", VPC, "would change nothing"),
    ("apiCidrs", VPC | {"eksCluster": "shared"}, "would change nothing"),
    (
        "gpuNodesMax",
        {"gpuInstanceTypes": ["g6.12xlarge"], "replicas": "3", "cpuRequest": "14", "cpuLimit": "14"}
        | {"gpuNodes": "1", "gpuNodesMax": "1"},
        "take 2 nodes",
    ),
    ("zones", {"zones": []}, "two or more"),
    ("zones", {"zones": ["eu-central-1a", "us-east-1a"]}, "is not in eu-central-1"),
    ("zones[0]", {"zones": ["a", "b"]}, "not an availability zone"),
    ("gpuInstanceTypes", {"gpuInstanceTypes": ["m6i.large"]}, "not a type with NVIDIA GPUs"),
    ("gpuInstanceTypes", {"gpuInstanceTypes": ["g7.imaginary"]}, "not a type with NVIDIA GPUs"),
    ("gpuInstanceTypes", {"gpuInstanceTypes": ["g5g.2xlarge"]}, "not a type with NVIDIA GPUs"),
    ("gpuInstanceTypes", MODEL | {"gpuInstanceTypes": ["g4dn.4xlarge"]}, "16 GiB of GPU memory"),
    ("gpuInstanceTypes", {"gpuInstanceTypes": ["g6.2xlarge"], "gpusPerPod": "2"}, "1 GPU"),
    ("gpuInstanceTypes", MODEL | {"gpuInstanceTypes": ["g6.xlarge"]}, "of its 4 cores"),
    ("gpuInstanceTypes", {"gpuInstanceTypes": []}, "Every stack"),
    ("gpuNodesMax", {"gpuNodes": "2", "gpuNodesMax": "2"}, "2 pods and one more"),
    ("gpuNodes", {"gpuNodes": "2"}, "nothing scales the pool"),
    ("gpuNodes", {"gpuNodes": "5"}, "is not between"),
    ("gpuCapacity", {"gpuCapacity": "spot"}, "two minutes' notice"),
    ("gpuCapacity", {"gpuCapacity": "cheap"}, "none of the choices"),
    ("apiCidrs[0]", {"apiCidrs": ["0.0.0.0/0"]}, "to the world"),
    ("apiCidrs[0]", {"apiCidrs": ["0.0.0.0/1", "128.0.0.0/1"]}, "to the world"),
    ("apiCidrs[0]", {"apiCidrs": ["::/0"]}, "not an IPv4 network"),
    ("edgeInstanceTypes[0]", {"edgeInstanceTypes": ["large"]}, "not an instance type"),
    ("edgeInstanceTypes[0]", {"edgeInstanceTypes": ["m7g.large"]}, "an ARM type"),
    ("awsRegion", {"awsRegion": "cn-north-1"}, "partition of its own"),
    ("storage", SINGLE | {"storage": "ebs", "accessMode": "ReadWriteMany"}, "is a disk of one node"),
    ("storage", SINGLE | {"storage": "s3"}, "mounted by every pod"),
    ("storage", {"storage": "s3", "engine": "espeak"}, "cannot rename a file"),
    ("weightsSize", {"storage": "s3", "weightsSize": "50Gi"}, "a bucket cannot hold weights"),
    ("snapshots", {"snapshots": "csi"}, "cannot be had of EFS"),
    ("snapshotCopyRegion", {"snapshotCopyRegion": "us-east-1"}, "storage is efs"),
    ("snapshotShareAccounts", SHARED, "storage is efs"),
    ("snapshotArchiveMonths", {"storage": "s3", "snapshotArchiveMonths": "3"}, "storage is s3"),
    (
        "snapshotCopyRegion",
        EBS | VPC | {"zones": [], "apiCidrs": [], "eksCluster": "shared", "snapshotCopyRegion": "us-east-1"},
        "others' too",
    ),
    ("snapshotCopyRegion", EBS | {"snapshotCopyRegion": "eu-central-1"}, "where the disks are"),
    ("snapshotCopyRegion", EBS | {"snapshotCopyRegion": "Ireland"}, "not an AWS region"),
    ("snapshotCopiesKept", EBS | {"snapshotCopiesKept": "7"}, "nothing is copied"),
    (
        "snapshotCopiesKept",
        EBS | {"snapshotCopyRegion": "us-east-1", "snapshotCopiesKept": "0"},
        "not a number of days",
    ),
    ("snapshotShareAccounts", EBS | {"snapshotShareAccounts": ["012345678901"]}, "AWS's own key for EBS"),
    ("snapshotShareAccounts[0]", EBS | SHARED | {"snapshotShareAccounts": [12345678901]}, "not the id of"),
    ("snapshotKmsKey", EBS | {"snapshotKmsKey": KEY}, "no snapshot is copied"),
    (
        "snapshotKmsKey",
        EBS | SHARED | {"snapshotKmsKey": KEY.replace("central", "west")},
        "of its own region",
    ),
    ("snapshotKmsKey", EBS | SHARED | {"snapshotKmsKey": "alias/aws/ebs"}, "not the ARN of a KMS key"),
    ("snapshotArchiveMonths", EBS | {"snapshotArchiveMonths": "2"}, "90 days"),
    ("snapshotArchiveMonths", EBS | {"snapshotArchiveMonths": "a year"}, "not a number of months"),
    ("storageClass", {"storageClass": "gp2"}, "decided by storage"),
    ("dnsZone", {"dnsZone": "example.org"}, "does not hold tts.example.com"),
    ("dnsZone", {"dnsZone": "le.com"}, "does not hold tts.example.com"),
    ("kubernetesVersion", {"kubernetesVersion": "1.29"}, "tested on"),
    ("kubernetesVersion", {"kubernetesVersion": "v1.34.0"}, "not a minor version"),
    ("exposure", {"exposure": "load_balancer"}, "outlives the stack"),
    ("kubeContext", {"kubeContext": "mine"}, "has one on EKS"),
    ("vpcId", {"eksCluster": "shared"}, "is needed with eksCluster"),
    ("privateSubnetIds", {"vpcId": "vpc-0123456789abcdef0"}, "two zones or more"),
    ("publicSubnetIds", VPC | {"publicSubnetIds": ["subnet-0123456789abcdef0"]}, "names too few"),
    ("publicSubnetIds", {"publicSubnetIds": VPC["publicSubnetIds"]}, "vpcId names none"),
    ("vpcId", VPC | {"vpcId": "production"}, "not the id of a VPC"),
    ("clusterAdmins[0]", {"clusterAdmins": ["admin"]}, "not an IAM role or user"),
    ("awsRegion", {"awsRegion": "Frankfurt"}, "not an AWS region"),
    ("owner", {"owner": ""}, "Every stack"),
    ("owner", {"owner": "a#b"}, "value of a tag"),
    ("natPerZone", {"natPerZone": "yes"}, "neither true nor false"),
    ("clientAddress", {"clientAddress": "x-forwarded-for"}, "none of the choices"),
]


@pytest.mark.parametrize(("key", "changes", "reason"), REFUSED, ids=[f"{row[0]}-{row[2]}" for row in REFUSED])
def test_refused(key: str, changes: Mapping[str, Any], reason: str) -> None:
    found = problems(changes)
    assert key in found, f"accepted, or blamed on {list(found)}"
    assert reason in found[key].lines[0]
    assert found[key].instead, "a refusal without a way out is half of one"


ACCEPTED: list[Mapping[str, Any]] = [
    {},
    {"gpuCapacity": "spot", "acceptInterruptions": "true"},
    {"gpuNodes": "0"},
    {"gpuNodes": "1", "gpuAutoscaler": "true"},
    {"dnsZone": "example.com"},
    {"dnsZone": "tts.example.com"},
    SINGLE | {"storage": "ebs", "snapshots": "csi"},
    EBS | {"snapshotCopyRegion": "us-east-1", "snapshotCopiesKept": "30"},
    EBS | SHARED,
    EBS | {"snapshotArchiveMonths": "3"},
    EBS | {"snapshotArchiveMonths": "12", "snapshots": "none"},
    EBS | {"snapshotCopyRegion": "us-east-1", "snapshotKmsKey": KEY},
    {"storage": "s3"},
    {**VPC, "zones": []},
    {**VPC, "zones": [], "apiCidrs": [], "eksCluster": "shared"},
    {"gpuInstanceTypes": ["g6.12xlarge"], "gpuNodes": "1", "gpuNodesMax": "1"},
]


@pytest.mark.parametrize("changes", ACCEPTED, ids=map(str, ACCEPTED))
def test_accepted(changes: Mapping[str, Any]) -> None:
    assert problems(changes) == {}


def test_spot_needs_no_word_where_nothing_is_production() -> None:
    assert problems(SINGLE | {"gpuCapacity": "spot"}, "dev") == {}


class TestWithoutAws:
    def test_its_keys_are_not_silently_ignored(self) -> None:
        found = problems({"awsRegion": ""})
        assert set(found) == {"owner", "zones", "apiCidrs", "gpuInstanceTypes", "gpuNodes", "gpuNodesMax"}
        assert "awsRegion is not set" in found["owner"].why

    def test_the_embedded_cluster_is_never_there(self) -> None:
        assert "never on AWS" in problems({"issuer": "in-cluster-ca"}, "local")["awsRegion"].why

    def test_the_sdk_is_not_imported(self) -> None:
        root = Path(__file__).parents[2]
        # What the program imports in every stack, indented lines being for some only.
        lines = (root / "__main__.py").read_text(encoding="utf-8").splitlines()
        imports = [line for line in lines if line.startswith(("import ", "from "))]
        assert any("arguments" in line for line in imports)
        check = "; ".join([*imports, "import sys", "sys.exit('pulumi_aws' in sys.modules)"])
        finished = subprocess.run([sys.executable, "-c", check], cwd=root, check=False)
        assert finished.returncode == 0, "it takes a second that no other stack should wait"


class TestTheClusterThatIsThere:
    made: ClassVar = {"awsRegion": "eu-central-1", "vpcCidr": "10.64.0.0/16", "eksCluster": ""}

    def test_it_stays(self) -> None:
        assert list(resettled(self.made, self.made, "https://10.0.0.1")) == []
        assert list(resettled(self.made, None, None)) == [], "a first update goes anywhere"

    def test_nothing_replaces_it(self) -> None:
        (problem,) = resettled(self.made | {"vpcCidr": "10.65.0.0/16"}, self.made, "https://10.0.0.1")
        assert "without another cluster" in problem.why
        assert problem.instead == "Write vpcCidr: 10.64.0.0/16."

    def test_nothing_forgets_objects_elsewhere(self) -> None:
        (problem,) = resettled(self.made, None, "https://10.0.0.1")
        assert "objects are at https://10.0.0.1" in problem.why


class TestStorageThatIsThere:
    there = ExistingClaim(
        size="200Gi",
        access_mode="ReadWriteMany",
        storage_class=EFS_STORAGE_CLASS,
        asked_class=EFS_STORAGE_CLASS,
        namespace="tts",
    )

    def test_it_stays_where_it_is(self) -> None:
        assert problems({}, existing={"outputs": self.there}) == {}
        found = problems({"storage": "s3"}, existing={"outputs": self.there})
        assert "would delete the volume" in found["storage"].why
        assert found["storage"].instead == "Write storage: efs."

    def test_what_has_no_size_cannot_be_asked_for_more(self) -> None:
        found = problems({"outputsSize": "300Gi"}, existing={"outputs": self.there})
        assert "limits nothing" in found["outputsSize"].why, (
            "the API server refuses it half way through an update"
        )

    def test_a_disk_grows(self) -> None:
        disk = replace(
            self.there,
            access_mode="ReadWriteOnce",
            asked_class=EBS_STORAGE_CLASS,
            storage_class=EBS_STORAGE_CLASS,
        )
        grown = SINGLE | {"storage": "ebs", "outputsSize": "300Gi"}
        assert problems(grown, existing={"outputs": disk}) == {}


class TestCopiesOfSnapshots:
    def copies(self, **changes: Any) -> Any:
        stack = load("prod", {**PROD, **EBS, **changes}, {})
        assert stack.aws is not None
        return arguments.aws_platform(stack, stack.aws, frozenset()).snapshot_copies

    def test_there_are_none_unless_asked_for(self) -> None:
        assert self.copies() is None, "each gigabyte of them is paid for every month"

    def test_every_key_arrives(self) -> None:
        made = self.copies(
            snapshotCopyRegion="us-east-1", snapshotCopiesKept="30", snapshotArchiveMonths="12", **SHARED
        )
        assert (made.region, made.cluster_name) == ("eu-central-1", "tts-platform-prod")
        assert (made.copy_region, made.copy_days) == ("us-east-1", 30)
        assert (made.share_accounts, made.archive_months, made.kms_key) == (("012345678901",), 12, KEY)

    def test_a_week_of_copies_is_kept_by_default(self) -> None:
        assert self.copies(snapshotCopyRegion="us-east-1").copy_days == 7


class TestNamesBelowTheDomain:
    @pytest.mark.parametrize(
        ("stack", "protected", "expected"),
        [("dev", "false", True), ("dev", "true", False), ("prod", "true", False), ("prod", "false", False)],
    )
    def test_they_lead_where_ephemeral_stacks_may_be(
        self, stack: str, protected: str, expected: bool
    ) -> None:
        found = load(stack, {**PROD, **EBS, "deletionProtection": protected}, {})
        assert found.aws is not None
        made = arguments.aws_platform(found, found.aws, frozenset())
        assert made.names_below is expected, "production would answer for every name below its own"
