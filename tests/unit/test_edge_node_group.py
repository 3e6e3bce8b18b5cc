"""The edge nodes, their launch template and the role that all nodes share, seen by a recording engine."""

import json

import pytest

from components.nodes import EDGE_NODE_SELECTOR
from tests.support.eks import ARGS, TAGS, Clusters, Seen


@pytest.fixture
def clusters(monkeypatch: pytest.MonkeyPatch) -> Clusters:
    return Clusters(monkeypatch)


@pytest.fixture
def seen(clusters: Clusters) -> Seen:
    return clusters.new()


class TestNodeRole:
    def test_it_has_the_least_that_a_node_needs(self, seen: Seen) -> None:
        assert seen.policies("cluster-node-role") == {
            "AmazonEKSWorkerNodeMinimalPolicy",
            "AmazonEC2ContainerRegistryPullOnly",
        }, "a pod that gets at the node's role gets all of it"
        (statement,) = json.loads(seen.one("aws:iam/rolePolicy:RolePolicy")["policy"])["Statement"]
        assert statement["Action"] == "ec2:DescribeInstances", "a node asks for its own name before it joins"

    def test_nodes_come_after_its_rights(self, seen: Seen) -> None:
        rights = {name for name in seen.after if name.startswith("cluster-node-role-")}
        assert len(rights) == 3
        for user in ("cluster-edge-group", "user-of-role"):
            assert rights <= seen.after[user], "nodes would start without the right to join, or drain without"

    def test_nodes_come_after_their_way_out(self, seen: Seen) -> None:
        assert "route" in seen.after["cluster-edge-group"], (
            "a node that starts before it cannot pull, one that outlives it cannot drain"
        )
        assert "route" not in seen.after["cluster-control-plane-cluster"], "a control plane takes ten minutes"


class TestEdgeNodes:
    def test_they_are_labelled_as_edge_and_open_to_all(self, seen: Seen) -> None:
        assert seen.nodes["labels"] == EDGE_NODE_SELECTOR, (
            "Envoy and the controllers would have nowhere to run"
        )
        assert "taints" not in seen.nodes, "coredns and the CSI controllers would have nowhere to run"
        assert seen.nodes["amiType"] == "AL2023_x86_64_STANDARD"
        assert seen.nodes["instanceTypes"] == ["m7i.large"]

    def test_there_is_room_for_one_more_during_an_update(self, seen: Seen) -> None:
        assert seen.nodes["scalingConfig"] == {"minSize": 2, "desiredSize": 2, "maxSize": 3}
        assert seen.nodes["updateConfig"] == {"maxUnavailable": 1}, (
            "the edge would shrink while it is updated"
        )

    def test_they_are_in_the_private_subnets(self, seen: Seen) -> None:
        assert seen.nodes["subnetIds"] == list(ARGS.private_subnet_ids), (
            "Envoy's node would be on the internet"
        )

    def test_a_replacement_comes_up_first(self, seen: Seen) -> None:
        assert "nodeGroupName" not in seen.nodes, "two groups cannot have one name, so the old would go first"

    def test_their_group_has_no_rules_of_its_own(self, seen: Seen) -> None:
        group = seen.one("aws:ec2/securityGroup:SecurityGroup")
        assert "ingress" not in group, "the load balancer owns the rules"
        assert "egress" not in group, "the load balancer owns the rules"
        assert seen.outputs["edge_security_group_id"] == "cluster-edge-security-group-id"

    def test_they_are_in_the_clusters_group_too(self, seen: Seen) -> None:
        assert seen.template["vpcSecurityGroupIds"] == ["sg-made", "cluster-edge-security-group-id"], (
            "a template that names any group must name the cluster's, or the nodes cannot reach the API"
        )

    def test_a_load_balancer_finds_them(self, seen: Seen) -> None:
        assert seen.outputs["edge_autoscaling_group"] == "asg-of-cluster-edge-group"


class TestLaunchTemplate:
    def test_pods_do_not_reach_the_metadata_service(self, seen: Seen) -> None:
        metadata = seen.template["metadataOptions"]
        assert metadata["httpTokens"] == "required", (
            "one forged request would give away the node's credentials"
        )
        assert metadata["httpPutResponseHopLimit"] == 1, "a pod could take the node's role"

    def test_the_root_volume_is_encrypted_gp3(self, seen: Seen) -> None:
        (root,) = seen.template["blockDeviceMappings"]
        assert root["deviceName"] == "/dev/xvda", (
            "the image's own root would stay as it is, beside an idle volume"
        )
        assert root["ebs"]["encrypted"] == "true", "images and logs would lie open on AWS's disks"
        assert root["ebs"]["volumeType"] == "gp3"
        assert root["ebs"]["deleteOnTermination"] == "true", (
            "each replaced node would leave a volume to pay for"
        )

    @pytest.mark.parametrize("kind", ["instance", "volume"])
    def test_cost_tags_reach_what_it_starts(self, seen: Seen, kind: str) -> None:
        tags = {item["resourceType"]: item["tags"] for item in seen.template["tagSpecifications"]}
        assert TAGS.items() <= tags[kind].items(), "default tags stop at the template"

    def test_nodes_follow_its_newest_version(self, seen: Seen) -> None:
        assert seen.nodes["launchTemplate"] == {"id": "cluster-edge-template-id", "version": "7"}, (
            "a changed template would change no node"
        )
