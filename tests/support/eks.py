"""Clusters on AWS, new or existing, made with a recording engine that answers as AWS would."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pulumi
import pytest
from pulumi.runtime import MockCallArgs, MockResourceArgs

from components.eks_addon import Addon
from components.eks_cluster import EdgeNodes, EksCluster, EksClusterArgs
from tests.support import dependencies
from tests.support.recording import Recording, record

ADDONS = (
    Addon("coredns", "v1.12.4-eksbuild.1"),
    Addon("aws-ebs-csi-driver", "v1.50.1-eksbuild.1"),
    Addon("aws-efs-csi-driver", "v2.1.12-eksbuild.1"),
    Addon("aws-mountpoint-s3-csi-driver", "v2.1.0-eksbuild.1"),
    Addon("snapshot-controller", "v8.3.0-eksbuild.1"),
    Addon("vpc-cni", "v1.20.3-eksbuild.1"),
    Addon("kube-proxy", "v1.34.0-eksbuild.4"),
    Addon("eks-pod-identity-agent", "v1.3.8-eksbuild.2"),
)
ON_EVERY_NODE = {"vpc-cni", "kube-proxy", "eks-pod-identity-agent"}

TAGS = {"project": "tts-platform", "stack": "prod", "owner": "speech"}

ARGS = EksClusterArgs(
    name="tts-prod",
    existing=False,
    region="eu-central-1",
    kubernetes_version="1.34",
    supported_versions=frozenset({"1.33", "1.34"}),
    vpc_id="vpc-1",
    private_subnet_ids=("subnet-a", "subnet-b", "subnet-c"),
    routes=(),
    service_cidr="172.20.0.0/16",
    api_cidrs=(),
    admins=("arn:aws:iam::123456789012:role/Platform",),
    deletion_protection=True,
    addons=ADDONS,
    own_addons=frozenset(),
    edge=EdgeNodes(instance_types=("m7i.large",), nodes=2),
    tags=TAGS,
)

RUNNING = {
    "name": "tts-prod",
    "version": "1.34",
    "endpoint": "https://there.eks.amazonaws.com",
    "certificateAuthorities": [{"data": "b2xk"}],
    "accessConfigs": [{"authenticationMode": "API_AND_CONFIG_MAP"}],
    "vpcConfig": {"clusterSecurityGroupId": "sg-there", "vpcId": "vpc-1"},
}


class Aws(Recording):
    """Answers as AWS would, for a cluster that has the add-ons `there` with these configuration values."""

    there: Mapping[str, str]
    running: Mapping[str, Any]

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        identity, state = super().new_resource(args)
        answers: dict[str, Any] = {"arn": f"arn:aws:test:::{args.name}", "latestVersion": 7}
        if args.typ == "aws:eks/cluster:Cluster":
            answers["endpoint"] = "https://made.eks.amazonaws.com"
            answers["certificateAuthority"] = {"data": "bmV3"}
            answers["vpcConfig"] = {**args.inputs["vpcConfig"], "clusterSecurityGroupId": "sg-made"}
        if args.typ == "aws:eks/nodeGroup:NodeGroup":
            answers["resources"] = [{"autoscalingGroups": [{"name": f"asg-of-{args.name}"}]}]
        return identity, {**state, **answers}

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        if "addonName" not in args.args:
            return dict(self.running), []
        name = args.args["addonName"]
        if name not in self.there:
            return {}, [
                ("addonName", f"ResourceNotFoundException: No addon: {name} found in cluster: tts-prod")
            ]
        if self.there[name] == "denied":
            return {}, [("addonName", "AccessDeniedException: not authorized to perform: eks:DescribeAddon")]
        return {"addonName": name, "configurationValues": self.there[name]}, []


@dataclass
class Seen:
    recording: Recording
    after: dict[str, set[str]]
    """Names of what a resource comes after, explicitly or by its inputs."""

    outputs: dict[str, Any] = field(default_factory=dict[str, Any])

    def all(self, resource_type: str) -> dict[str, Mapping[str, Any]]:
        return {item.name: item.inputs for item in self.recording.resources if item.type == resource_type}

    def one(self, resource_type: str) -> Mapping[str, Any]:
        (found,) = self.all(resource_type).values()
        return found

    @property
    def cluster(self) -> Mapping[str, Any]:
        return self.one("aws:eks/cluster:Cluster")

    @property
    def nodes(self) -> Mapping[str, Any]:
        return self.one("aws:eks/nodeGroup:NodeGroup")

    @property
    def template(self) -> Mapping[str, Any]:
        return self.one("aws:ec2/launchTemplate:LaunchTemplate")

    @property
    def addons(self) -> dict[str, Mapping[str, Any]]:
        return {item["addonName"]: item for item in self.all("aws:eks/addon:Addon").values()}

    def addon_after(self, addon: str) -> set[str]:
        (name,) = [
            name for name, item in self.all("aws:eks/addon:Addon").items() if item["addonName"] == addon
        ]
        return self.after[name]

    def trust(self, role: str) -> Any:
        (statement,) = json.loads(self.all("aws:iam/role:Role")[role]["assumeRolePolicy"])["Statement"]
        return statement

    def policies(self, role: str) -> set[str]:
        found = self.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        return {item["policyArn"].rpartition("/")[2] for name, item in found.items() if name.startswith(role)}


class Clusters:
    """Makes clusters, and sees what they are made of."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def new(self, **changes: Any) -> Seen:
        return self._run(replace(ARGS, **changes), {}, RUNNING)

    def existing(
        self, there: Mapping[str, str] | None = None, running: Mapping[str, Any] | None = None, **changes: Any
    ) -> Seen:
        args = replace(ARGS, existing=True, **changes)
        return self._run(args, there or {}, {**RUNNING, **(running or {})})

    def _run(self, args: EksClusterArgs, there: Mapping[str, str], running: Mapping[str, Any]) -> Seen:
        def aws(answers: Mapping[str, Any]) -> Aws:
            recording = Aws(answers=answers)
            recording.there, recording.running = there, running
            return recording

        self._patch.setattr("tests.support.recording.Recording", aws)
        urns = dependencies.noted(self._patch)
        outputs: dict[str, Any] = {}

        def program() -> None:
            routes = [pulumi.CustomResource("test:index:Route", "route")]
            cluster = EksCluster("cluster", replace(args, routes=routes))
            outputs["system"] = [resource._name for resource in cluster.system]
            for name in (
                "kubeconfig",
                "edge_autoscaling_group",
                "edge_security_group_id",
                "security_group_id",
            ):
                _keep(outputs, name, getattr(cluster, name))
            # Who uses the nodes' role, as a GPU node pool does.
            pulumi.CustomResource("test:index:User", "user-of-role", {"arn": cluster.node_role_arn})

        recording = record(program)
        after = {name: {urn.rpartition("::")[2] for urn in found} for name, found in urns.items()}
        return Seen(recording, after, outputs)


def _keep(outputs: dict[str, Any], name: str, output: pulumi.Output[str]) -> pulumi.Output[bool]:
    async def keep() -> bool:
        outputs[name] = await output.future()
        outputs[f"{name} is secret"] = await output.is_secret()
        return True

    return pulumi.Output.from_input(keep())
