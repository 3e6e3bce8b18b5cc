"""The rules of nodes and their disks, each with resources that keep it and resources that break it."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.gpu_instances import INSTANCES
from policy.gpu import GPU, TAINT_VALUE, has_gpus
from policy.model import UNKNOWN, Resource
from tests.support.policy import Example, aws, judge

TEMPLATE = "ec2/launchTemplate:LaunchTemplate"
NODES, INSTANCE = "eks/nodeGroup:NodeGroup", "ec2/instance:Instance"
OURS = {"project": "tts-platform", "stack": "prod", "owner": "the team"}


def nodes(ami: str, *taints: Mapping[str, str], **more: Any) -> Resource:
    return aws(NODES, {"amiType": ami, "taints": list(taints), **more})


def template(**properties: Any) -> Resource:
    return aws(TEMPLATE, properties)


def storage_class(provisioner: str = "ebs.csi.aws.com", **parameters: str) -> Resource:
    return Resource(
        type="kubernetes:storage.k8s.io/v1:StorageClass",
        name="it",
        properties={"provisioner": provisioner, **({"parameters": parameters} if parameters else {})},
    )


TAINT: Mapping[str, str] = {"key": GPU, "value": TAINT_VALUE, "effect": "NO_SCHEDULE"}
DISK: Mapping[str, Any] = {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}


EXAMPLES = [
    Example(
        "gpu-node-taint",
        "with the taint, and without GPUs",
        [
            nodes("AL2023_x86_64_NVIDIA", TAINT),
            nodes("AL2023_x86_64_STANDARD"),
            nodes("CUSTOM", instanceTypes=["m7i.large", "t3.large", "c7g.large", "inf2.xlarge"]),
            nodes("CUSTOM", TAINT, instanceTypes=["g6.xlarge"]),
        ],
    ),
    Example(
        "gpu-node-taint",
        "GPUs by an older image, by instance types with an image of one's own, and by types alone",
        [
            nodes("AL2_x86_64_GPU"),
            nodes("CUSTOM", instanceTypes=["m7i.large", "gr6.4xlarge"]),
            aws(NODES, {"instanceTypes": ["p5.48xlarge"]}),
        ],
        ["The nodes have GPUs, and no taint keeps other pods off them."] * 3,
    ),
    Example(
        "gpu-node-taint",
        "a value that no pod tolerates",
        [nodes("AL2023_x86_64_NVIDIA", {**TAINT, "value": "true"})],
        ["The speech pods do not tolerate the taint: its value is another."],
    ),
    Example(
        "gpu-node-taint",
        "without, and with another",
        [
            nodes("AL2023_x86_64_NVIDIA"),
            nodes("AL2023_x86_64_NVIDIA", {"key": "other", "effect": "NO_SCHEDULE"}),
        ],
        ["The nodes have GPUs, and no taint keeps other pods off them."] * 2,
    ),
    Example(
        "gpu-node-taint",
        "one that the scheduler only prefers to heed, and nothing said of taints",
        [
            nodes("BOTTLEROCKET_x86_64_NVIDIA", {"key": GPU, "effect": "PREFER_NO_SCHEDULE"}),
            aws(NODES, {"amiType": "AL2023_x86_64_NVIDIA"}),
        ],
        ["The nodes have GPUs, and no taint keeps other pods off them."] * 2,
    ),
    Example(
        "imdsv2",
        "version 2, and none",
        [
            template(metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 1.0}),
            template(metadataOptions={"httpEndpoint": "disabled"}),
        ],
    ),
    Example(
        "imdsv2",
        "nothing said, and too far",
        [template(), template(metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 2})],
        ["The instances answer IMDSv1.", "The instances' metadata is within reach of their pods."],
    ),
    Example(
        "node-group-template",
        "one, and one that is not made yet",
        [aws(NODES, {"launchTemplate": {"id": "lt-1"}}), aws(NODES, {"launchTemplate": UNKNOWN})],
    ),
    Example(
        "node-group-template",
        "none",
        [aws(NODES, {})],
        ["The node group starts its nodes from EKS's own template."],
    ),
    Example(
        "instance-public-address",
        "nothing said, and none",
        [template(), template(networkInterfaces=[{"associatePublicIpAddress": "false"}]), aws(INSTANCE, {})],
    ),
    Example(
        "instance-public-address",
        "one, by an interface of a template, and of an instance",
        [
            template(networkInterfaces=[{}, {"associatePublicIpAddress": "true"}]),
            aws(INSTANCE, {"associatePublicIpAddress": True}),
        ],
        ["What starts gets a public address."] * 2,
    ),
    Example("subnet-public-addresses", "none", [aws("ec2/subnet:Subnet", {"mapPublicIpOnLaunch": False})]),
    Example(
        "subnet-public-addresses",
        "to each",
        [aws("ec2/subnet:Subnet", {"mapPublicIpOnLaunch": True})],
        ["What starts in the subnet gets a public address."],
    ),
    Example(
        "volume-encrypted",
        "all",
        [
            template(blockDeviceMappings=[DISK]),
            storage_class(encrypted="true"),
            storage_class("efs.csi.aws.com"),
            aws("efs/fileSystem:FileSystem", {"encrypted": True}),
            aws("ebs/volume:Volume", {"encrypted": True}),
            aws(INSTANCE, {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"encrypted": True}]}),
        ],
    ),
    Example(
        "volume-encrypted",
        "those of instances",
        [
            aws(INSTANCE, {}),
            aws(
                INSTANCE,
                {
                    "rootBlockDevice": {"volumeSize": 8},
                    "ebsBlockDevices": [UNKNOWN, {"deviceName": "/dev/sdb"}],
                },
            ),
        ],
        [
            "Its volumes are as the image has them, not encrypted.",
            "Volume / is not encrypted.",
            "Volume /dev/sdb is not encrypted.",
        ],
    ),
    Example(
        "volume-encrypted",
        "none",
        [
            template(blockDeviceMappings=[DISK, {"deviceName": "/dev/xvdb"}]),
            template(),
            storage_class(),
            aws("efs/fileSystem:FileSystem", {}),
            aws("ebs/volume:Volume", {"encrypted": False}),
        ],
        [
            "Volume /dev/xvdb is not encrypted.",
            "Its volumes are as the image has them, not encrypted.",
            "Its volumes are not encrypted.",
            "The FileSystem is not encrypted.",
            "The Volume is not encrypted.",
        ],
    ),
    Example(
        "launch-template-tags",
        "both",
        [
            template(
                tagSpecifications=[{"resourceType": kind, "tags": OURS} for kind in ("instance", "volume")]
            )
        ],
    ),
    Example(
        "launch-template-tags",
        "of volumes none",
        [template(tagSpecifications=[{"resourceType": "instance", "tags": OURS}])],
        ["Each volume that it starts lacks the tag project, stack, owner."],
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_rule(example: Example) -> None:
    judge(example)


def test_every_instance_type_of_the_gpu_nodes_is_known_to_have_gpus() -> None:
    for type_ in INSTANCES:
        assert has_gpus(aws(NODES, {"instanceTypes": [type_]})), f"{type_} could come without the taint"
