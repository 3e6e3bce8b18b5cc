"""Each argument that any component sets on AWS is one that the class really has.

The classes take plain dicts as well as typed arguments, and a dict's unknown key goes to AWS's provider as it is: which
then complains in the middle of an `up`, or does not.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import Any, cast, get_args, get_origin

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import _types

from components.aws_account import account
from components.capacity import Capacity
from components.edge import ClientAddress
from components.edge_load_balancer import EdgeLoadBalancer, EdgeLoadBalancerArgs
from components.edge_node_group import EdgeNodes
from components.eks_addon import Addon
from components.eks_cluster import EksCluster, EksClusterArgs
from components.gpu_node_pool import GpuNodePool, GpuNodePoolArgs
from components.hosted_zone import HostedZone
from components.network import Network, NetworkArgs
from components.outputs_bucket import OutputsBucket, OutputsBucketArgs
from components.shared_file_system import SharedFileSystem, SharedFileSystemArgs
from components.snapshot_copies import SnapshotCopies, SnapshotCopiesArgs
from tests.support.recording import Recorded, Recording, record

COMPONENTS = Path(__file__).resolve().parents[2] / "components"

TAGS = {"project": "tts-platform", "stack": "test", "owner": "speech"}
SUBNETS = ("subnet-a", "subnet-b")


def an_account() -> None:
    account(
        "account", region="eu-west-1", tags=TAGS, parent=pulumi.ComponentResource("test:Parent", "parent")
    )


def a_network() -> None:
    zones = ("eu-west-1a", "eu-west-1b")
    args = NetworkArgs(cidr="10.0.0.0/16", region="eu-west-1", zones=zones, nat_per_zone=True, flow_logs=True)
    Network("network", args)


def a_cluster(*, existing: bool) -> None:
    args = EksClusterArgs(
        name="tts",
        existing=existing,
        region="eu-west-1",
        kubernetes_version="1.34",
        supported_versions=frozenset({"1.34"}),
        vpc_id="vpc-1",
        private_subnet_ids=SUBNETS,
        routes=(),
        service_cidr="172.20.0.0/16",
        api_cidrs=("192.0.2.0/24",),
        admins=("arn:aws:iam::111122223333:role/admins",),
        deletion_protection=True,
        addons=tuple(
            Addon(name, "v1.0.0-eksbuild.1")
            for name in (
                "vpc-cni",
                "coredns",
                "kube-proxy",
                "eks-pod-identity-agent",
                "aws-ebs-csi-driver",
                "aws-efs-csi-driver",
                "aws-mountpoint-s3-csi-driver",
                "snapshot-controller",
            )
        ),
        own_addons=frozenset({"vpc-cni"}),
        edge=EdgeNodes(instance_types=("m7i.large",), nodes=2),
        tags=TAGS,
    )
    EksCluster("cluster", args)


def a_gpu_node_pool(capacity: Capacity, *, autoscaled: bool) -> None:
    args = GpuNodePoolArgs(
        cluster_name="tts",
        node_role_arn="arn:aws:iam::111122223333:role/nodes",
        kubernetes_version="1.34",
        subnet_ids=SUBNETS,
        instance_types=("g6.2xlarge",),
        capacity=capacity,
        minimum=0,
        maximum=3,
        desired=1,
        autoscaled=autoscaled,
        root_gib=100,
        tags=TAGS,
    )
    GpuNodePool("gpu", args)


def a_load_balancer(client_address: ClientAddress) -> None:
    args = EdgeLoadBalancerArgs(
        vpc_id="vpc-1",
        public_subnet_ids=SUBNETS,
        autoscaling_group="edge",
        node_security_group_id="sg-edge",
        client_address=client_address,
        cross_zone=True,
        deletion_protection=True,
        domain="tts.example.com",
        zone=HostedZone(name="example.com", zone_id="Z1"),
        wildcard=True,
    )
    EdgeLoadBalancer("edge", args)


def a_shared_file_system() -> None:
    args = SharedFileSystemArgs(
        vpc_id="vpc-1",
        subnet_ids=dict(zip(("eu-west-1a", "eu-west-1b"), SUBNETS, strict=True)),
        client_security_group_id="sg-cluster",
        user=0,
        keep=True,
    )
    SharedFileSystem("files", args)


def an_outputs_bucket() -> None:
    args = OutputsBucketArgs(
        region="eu-west-1",
        cluster_name="tts",
        namespace="tts",
        service_account="speech",
        user=1000,
        size="100Gi",
        keep=True,
    )
    OutputsBucket("outputs", args)


def snapshot_copies() -> None:
    args = SnapshotCopiesArgs(
        region="eu-west-1",
        cluster_name="tts",
        copy_region="us-east-1",
        copy_days=7,
        share_accounts=("111122223333",),
        archive_months=12,
        kms_key="arn:aws:kms:eu-west-1:111122223333:key/0ea3fef3",
    )
    SnapshotCopies("copies", args)


PROGRAMS: Mapping[str, Callable[[], None]] = {
    "aws_account": an_account,
    "network": a_network,
    "eks_cluster": lambda: a_cluster(existing=False),
    "eks_cluster: existing": lambda: a_cluster(existing=True),
    "gpu_node_pool": lambda: a_gpu_node_pool(Capacity.ON_DEMAND, autoscaled=False),
    "gpu_node_pool: spot": lambda: a_gpu_node_pool(Capacity.SPOT, autoscaled=True),
    "edge_load_balancer": lambda: a_load_balancer(ClientAddress.PRESERVED),
    "edge_load_balancer: proxy protocol": lambda: a_load_balancer(ClientAddress.PROXY_PROTOCOL),
    "shared_file_system": a_shared_file_system,
    "outputs_bucket": an_outputs_bucket,
    "snapshot_copies": snapshot_copies,
}
"""Name of the module, and of the case where it has several, to a program that makes as much of it as it can."""

ANSWERS: Mapping[str, Any] = {
    "aws:eks/getCluster:getCluster": {
        "name": "tts",
        "version": "1.34",
        "endpoint": "https://tts.example.com",
        "vpcConfig": {"vpcId": "vpc-1", "clusterSecurityGroupId": "sg-cluster"},
        "certificateAuthorities": [{"data": "Y2E="}],
        "accessConfigs": [{"authenticationMode": "API"}],
    },
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": "111122223333"},
    "aws:eks/getAddon:getAddon": {"addonName": "coredns", "configurationValues": "{}"},
}
"""What AWS would say where a component asks."""


class Answering(Recording):
    """Fills in what AWS knows of a resource only once it is there, as far as a component looks inside."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        identity, state = super().new_resource(args)
        state = {"arn": f"arn:aws:test:::{args.name}", **state}
        match args.typ:
            case "aws:eks/cluster:Cluster":
                state["vpcConfig"] = {**state["vpcConfig"], "clusterSecurityGroupId": "sg-cluster"}
                state |= {"endpoint": "https://tts.example.com", "certificateAuthority": {"data": "Y2E="}}
            case "aws:eks/nodeGroup:NodeGroup":
                state["resources"] = [{"autoscalingGroups": [{"name": "nodes"}]}]
        return identity, state


@pytest.fixture(autouse=True)
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.recording.Recording", Answering)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_argument_is_one_that_the_class_has(name: str) -> None:
    made = from_aws(record(PROGRAMS[name], ANSWERS))
    assert made, "a program that makes nothing of AWS says nothing about it"
    strange = [problem for item in made for problem in strangers(item)]
    assert not strange, "AWS's provider would refuse it in the middle of an `up`, or pass over it in silence"


def test_every_component_on_aws_is_among_them() -> None:
    sources = {path.stem: path.read_text(encoding="utf-8") for path in COMPONENTS.glob("*.py")}
    reached = {name.partition(":")[0] for name in PROGRAMS}
    while more := {found for name in reached for found in _imported(sources[name])} & set(sources) - reached:
        reached |= more
    on_aws = {name for name, source in sources.items() if "import pulumi_aws" in source}
    # It only puts the others together.
    assert on_aws - {"aws_platform"} <= reached, "a component that no program makes is not checked at all"


class TestTheCheckItself:
    def test_it_finds_a_made_up_argument(self) -> None:
        def program() -> None:
            pulumi.CustomResource("aws:s3/bucket:Bucket", "made-up", {"forceDestroi": True})

        assert found_in(program) == ["made-up: forceDestroi"]

    def test_it_finds_one_in_a_dict(self) -> None:
        def program() -> None:
            versioning: Any = {"status": "Enabled", "mfa_delet": "Disabled"}
            aws.s3.BucketVersioning("made-up", bucket="spoken", versioning_configuration=versioning)

        assert found_in(program) == ["made-up: versioningConfiguration.mfa_delet"]

    def test_it_finds_one_in_a_list_of_lists(self) -> None:
        def program() -> None:
            rules: Any = [{"status": "Enabled", "transitions": [{"days": 30}, {"dais": 90}]}]
            aws.s3.BucketLifecycleConfiguration("made-up", bucket="spoken", rules=rules)

        assert found_in(program) == ["made-up: rules.0.transitions.1.dais"]

    def test_it_finds_one_of_the_provider(self) -> None:
        def program() -> None:
            tags: Any = {"tagz": TAGS}
            aws.Provider("made-up", region="eu-west-1", default_tags=tags)

        assert found_in(program) == ["made-up: defaultTags.tagz"]

    def test_it_leaves_a_users_own_keys_alone(self) -> None:
        def program() -> None:
            aws.s3.Bucket("tagged", tags={"cost-centre": "speech"})

        assert found_in(program) == []

    def test_it_finds_a_made_up_class(self) -> None:
        def program() -> None:
            pulumi.CustomResource("aws:s3/buckett:Buckett", "made-up", {})

        assert found_in(program) == ["made-up: pulumi_aws has no aws:s3/buckett:Buckett"]


def found_in(program: Callable[[], None]) -> list[str]:
    return [problem for item in from_aws(record(program)) for problem in strangers(item)]


def from_aws(recording: Recording) -> list[Recorded]:
    return [item for item in recording.resources if item.type.startswith(("aws:", "pulumi:providers:aws"))]


def strangers(item: Recorded) -> Iterator[str]:
    """What a resource is given that its class does not have."""
    inputs = _inputs_class(item.type)
    if inputs is None:
        yield f"{item.name}: pulumi_aws has no {item.type}"
        return
    for place in _strange(item.inputs, inputs):
        yield f"{item.name}: {place}"


def _inputs_class(token: str) -> type | None:
    """The class of a resource's arguments: `aws:s3/bucket:Bucket` is `pulumi_aws.s3.bucket.BucketArgs`."""
    if token == "pulumi:providers:aws":  # noqa: S105 - a type's, no secret
        return aws.provider.ProviderArgs
    _, module, name = token.split(":")
    service = module.partition("/")[0]
    resource = getattr(import_module(f"pulumi_aws.{service}{'_' if iskeyword(service) else ''}"), name, None)
    if resource is None or resource.pulumi_type != token:
        return None
    defined_in = vars(sys.modules[resource.__module__])
    # Named otherwise where a part of another resource has the usual name: BucketVersioning, which Bucket has too.
    return cast(type, defined_in.get(f"{name}InitArgs") or defined_in[f"{name}Args"])


def _strange(value: Any, expected: Any, place: str = "") -> Iterator[str]:
    if isinstance(value, str) and _nested(expected) and value.startswith(("{", "[")):
        # A provider is given what is not text as JSON.
        yield from _strange(json.loads(value), expected, place)
    elif isinstance(value, Mapping):
        yield from _strange_keys(value, expected, place)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        (inside,) = _inside(expected, Sequence) or (Any,)
        for index, each in enumerate(value):
            yield from _strange(each, inside, f"{place}{index}.")


def _strange_keys(value: Mapping[str, Any], expected: Any, place: str) -> Iterator[str]:
    nested = _nested(expected)
    if nested:
        known: Mapping[str, Any] = {
            key: kind for each in nested for key, kind in _types.input_type_types(each).items()
        }
    else:
        # A mapping whose keys are the user's: tags, for one.
        (_, inside) = _inside(expected, Mapping) or (str, Any)
        known = dict.fromkeys(value, inside)
    for key, each in value.items():
        if key not in known:
            yield f"{place}{key}"
        else:
            yield from _strange(each, known[key], f"{place}{key}.")


def _alternatives(expected: Any) -> Iterator[Any]:
    """The types that a value may have, with those taken off that say how it may arrive."""
    if get_origin(expected) in (None, Sequence, Mapping) or isinstance(expected, type):
        yield expected
        return
    for each in get_args(expected):
        yield from _alternatives(each)


def _nested(expected: Any) -> list[type]:
    return [each for each in _alternatives(expected) if isinstance(each, type) and _types.is_input_type(each)]


def _inside(expected: Any, container: Any) -> tuple[Any, ...]:
    return next((get_args(each) for each in _alternatives(expected) if get_origin(each) is container), ())


def _imported(source: str) -> list[str]:
    return re.findall(r"^from components\.(\w+) import", source, flags=re.MULTILINE)
