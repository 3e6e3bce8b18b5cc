"""What the GPU node pool registers, seen by a recording engine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pytest

from components.capacity import Capacity
from components.gpu_node_pool import GpuNodePool, GpuNodePoolArgs
from components.nodes import GPU_NODE_SELECTOR, GPU_TOLERATIONS
from tests.support.recording import Recording, record

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"

ARGS = GpuNodePoolArgs(
    cluster_name="cluster-traced",
    node_role_arn="role-traced",
    kubernetes_version="1.34",
    subnet_ids=("subnet-traced-a", "subnet-traced-b"),
    instance_types=("g5.xlarge", "g6.xlarge"),
    capacity=Capacity.ON_DEMAND,
    minimum=1,
    maximum=4,
    desired=2,
    autoscaled=False,
    root_gib=150,
    tags={"owner": "speech"},
)


class Answering(Recording):
    """Gives a node group and a launch template what AWS would."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        identity, state = super().new_resource(args)
        if args.typ == NODE_GROUP:
            state |= {
                "nodeGroupName": "nodes-7",
                "resources": [{"autoscalingGroups": [{"name": "eks-nodes-7"}]}],
            }
        if args.typ == TEMPLATE:
            state |= {"latestVersion": 3}
        return identity, state


@dataclass
class Seen:
    recording: Recording
    options: Mapping[str, pulumi.ResourceOptions]
    """By type."""

    outputs: Mapping[str, Any]

    def one(self, token: str) -> Mapping[str, Any]:
        (found,) = [item for item in self.recording.resources if item.type == token]
        return found.inputs


def pool(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Seen:
    monkeypatch.setattr("tests.support.recording.Recording", Answering)
    options: dict[str, pulumi.ResourceOptions] = {}
    outputs: dict[str, Any] = {}

    def note(seen: pulumi.ResourceTransformationArgs) -> None:
        options[seen.type_] = seen.opts

    def program() -> None:
        made = GpuNodePool("gpu", replace(ARGS, **changes), pulumi.ResourceOptions(transformations=[note]))
        pulumi.Output.all(group=made.node_group, scaling=made.autoscaling_group).apply(outputs.update)

    return Seen(record(program), options, outputs)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    return pool(monkeypatch)


class TestPlacement:
    def test_the_taint_is_what_speech_pods_tolerate(self, seen: Seen) -> None:
        (toleration,) = GPU_TOLERATIONS
        assert toleration["effect"] == "NoSchedule"
        assert seen.one(NODE_GROUP)["taints"] == [
            {"key": toleration["key"], "value": toleration["value"], "effect": "NO_SCHEDULE"}
        ], "a pod would be kept off every GPU, or anything at all would run on them"

    def test_the_label_is_what_speech_pods_select(self, seen: Seen) -> None:
        assert seen.one(NODE_GROUP)["labels"] == GPU_NODE_SELECTOR

    def test_it_is_in_the_cluster_and_subnets_it_is_told(self, seen: Seen) -> None:
        group = seen.one(NODE_GROUP)
        assert (group["clusterName"], group["nodeRoleArn"]) == ("cluster-traced", "role-traced")
        assert group["subnetIds"] == ["subnet-traced-a", "subnet-traced-b"]


class TestMachine:
    def test_its_image_has_the_driver(self, seen: Seen) -> None:
        assert seen.one(NODE_GROUP)["amiType"] == "AL2023_x86_64_NVIDIA", (
            "AL2's images ended in November 2025, and the plain AL2023 image has no driver"
        )

    def test_it_is_of_the_types_and_the_version_asked_for(self, seen: Seen) -> None:
        group = seen.one(NODE_GROUP)
        assert group["instanceTypes"] == ["g5.xlarge", "g6.xlarge"]
        assert group["version"] == "1.34", "nodes of another minor version than the control plane's"

    @pytest.mark.parametrize(
        ("capacity", "bought"), [(Capacity.ON_DEMAND, "ON_DEMAND"), (Capacity.SPOT, "SPOT")]
    )
    def test_capacity(self, monkeypatch: pytest.MonkeyPatch, capacity: Capacity, bought: str) -> None:
        assert pool(monkeypatch, capacity=capacity).one(NODE_GROUP)["capacityType"] == bought

    def test_it_starts_from_the_hardened_template_at_its_newest_version(self, seen: Seen) -> None:
        assert seen.one(NODE_GROUP)["launchTemplate"] == {"id": "gpu-template-id", "version": "3"}, (
            "$Latest is resolved by AWS, and would be a difference in every preview"
        )
        template = seen.one(TEMPLATE)
        assert template["metadataOptions"]["httpTokens"] == "required"
        assert template["metadataOptions"]["httpPutResponseHopLimit"] == 1, (
            "with two hops every pod has the node's role"
        )

    def test_its_root_holds_the_image_and_is_encrypted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        (mapping,) = pool(monkeypatch, root_gib=321).one(TEMPLATE)["blockDeviceMappings"]
        assert (mapping["ebs"]["volumeSize"], mapping["ebs"]["volumeType"]) == (321, "gp3")
        assert mapping["ebs"]["encrypted"] == "true"

    def test_instances_and_volumes_carry_the_tags(self, seen: Seen) -> None:
        tagged = {
            item["resourceType"]: item["tags"].get("owner")
            for item in seen.one(TEMPLATE)["tagSpecifications"]
        }
        assert tagged == {"instance": "speech", "volume": "speech"}, (
            "the provider's default tags do not reach what the node group starts"
        )


class TestSize:
    def test_it_is_what_is_asked_for(self, seen: Seen) -> None:
        assert seen.one(NODE_GROUP)["scalingConfig"] == {"minSize": 1, "maxSize": 4, "desiredSize": 2}

    def test_without_an_autoscaler_the_desired_number_is_pulumis(self, seen: Seen) -> None:
        assert not seen.options[NODE_GROUP].ignore_changes, "gpuNodes would be a setting that does nothing"

    def test_with_an_autoscaler_it_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        options = pool(monkeypatch, autoscaled=True).options[NODE_GROUP]
        assert options.ignore_changes == ["scalingConfig.desiredSize"], (
            "every update would undo what the autoscaler did, and nothing else may be ignored"
        )

    def test_an_update_takes_one_node_at_a_time(self, seen: Seen) -> None:
        assert seen.one(NODE_GROUP)["updateConfig"] == {
            "maxUnavailable": 1,
            # The default adds up to two nodes a zone before it takes any: GPUs that a quota seldom has.
            "updateStrategy": "MINIMAL",
        }

    def test_it_has_no_fixed_name(self, seen: Seen) -> None:
        assert "nodeGroupName" not in seen.one(NODE_GROUP), (
            "a group that is replaced could not be there before the old one goes"
        )


def test_its_names_come_from_eks(seen: Seen) -> None:
    assert seen.outputs == {"group": "nodes-7", "scaling": "eks-nodes-7"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"instance_types": ("g5.xlarge", "m7i.large")}, "m7i.large is no x86"),
        ({"instance_types": ("g5g.xlarge",)}, "g5g.xlarge is no x86"),
        ({"instance_types": ()}, "no instance type"),
        ({"minimum": 3}, "2 nodes are not between 3 and 4"),
        ({"desired": 5}, "5 nodes are not between 1 and 4"),
        ({"minimum": -1}, "not between -1"),
        ({"minimum": 0, "desired": 0, "maximum": 0}, "not between 0 and 0"),
    ],
)
def test_what_cannot_work_is_refused(
    monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        pool(monkeypatch, **changes)


def test_an_empty_pool_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    scaling = pool(monkeypatch, minimum=0, desired=0).one(NODE_GROUP)["scalingConfig"]
    assert scaling["desiredSize"] == 0, "a stack that costs no GPU overnight"
