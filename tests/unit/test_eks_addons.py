"""The managed add-ons of a new cluster, seen by a recording engine."""

import json

import pytest

from tests.support.eks import ADDONS, ON_EVERY_NODE, TAGS, Clusters, Seen


@pytest.fixture
def clusters(monkeypatch: pytest.MonkeyPatch) -> Clusters:
    return Clusters(monkeypatch)


@pytest.fixture
def seen(clusters: Clusters) -> Seen:
    return clusters.new()


class TestAddons:
    def test_versions_are_pinned(self, seen: Seen) -> None:
        versions = {name: addon["addonVersion"] for name, addon in seen.addons.items()}
        assert versions == {addon.name: addon.version for addon in ADDONS}, (
            "two stacks would differ by their age"
        )

    def test_network_policies_are_enforced(self, seen: Seen) -> None:
        values = json.loads(seen.addons["vpc-cni"]["configurationValues"])
        assert values == {"enableNetworkPolicy": "true"}, "the policies would be decoration"

    def test_volumes_carry_the_cost_tags(self, seen: Seen) -> None:
        values = json.loads(seen.addons["aws-ebs-csi-driver"]["configurationValues"])
        assert values["controller"]["extraVolumeTags"] == TAGS, "nobody would know whose volume it is"

    def test_the_bucket_can_be_mounted_on_gpu_nodes(self, seen: Seen) -> None:
        values = json.loads(seen.addons["aws-mountpoint-s3-csi-driver"]["configurationValues"])
        assert values["node"]["tolerateAllTaints"], "the driver would run everywhere but where the pods are"

    @pytest.mark.parametrize(
        ("addon", "account", "policy"),
        [
            ("vpc-cni", "aws-node", "AmazonEKS_CNI_Policy"),
            ("aws-ebs-csi-driver", "ebs-csi-controller-sa", "AmazonEBSCSIDriverPolicy"),
            ("aws-efs-csi-driver", "efs-csi-controller-sa", "AmazonEFSCSIDriverPolicy"),
        ],
    )
    def test_rights_come_by_pod_identity(self, seen: Seen, addon: str, account: str, policy: str) -> None:
        (identity,) = seen.addons[addon]["podIdentityAssociations"]
        role = identity["roleArn"].rpartition(":")[2]
        assert identity["serviceAccount"] == account
        assert seen.policies(role) == {policy}, "more than it needs, or not enough to work"
        assert seen.trust(role)["Principal"] == {"Service": "pods.eks.amazonaws.com"}
        assert seen.trust(role)["Action"] == ["sts:AssumeRole", "sts:TagSession"], (
            "Pod Identity tags its sessions"
        )

    @pytest.mark.parametrize("addon", sorted(ON_EVERY_NODE))
    def test_what_runs_on_every_node_is_there_before_the_nodes(self, seen: Seen, addon: str) -> None:
        assert f"cluster-node-addons-{addon}" in seen.after["cluster-edge-group"], (
            "the first node would not become ready, and the last would lose its network before it drained"
        )

    @pytest.mark.parametrize("addon", sorted({addon.name for addon in ADDONS} - ON_EVERY_NODE))
    def test_controllers_go_before_the_nodes(self, seen: Seen, addon: str) -> None:
        assert "cluster-edge-group" in seen.addon_after(addon), (
            "a destroy would wait for a controller's pods to go from nodes that are gone"
        )

    def test_the_snapshot_crds_come_before_the_ebs_driver(self, seen: Seen) -> None:
        assert "cluster-addons-snapshot-controller" in seen.addon_after("aws-ebs-csi-driver"), (
            "the driver would start without its snapshotter, and snapshots would never be taken"
        )

    def test_the_cni_comes_after_the_agent_that_gives_it_credentials(self, seen: Seen) -> None:
        assert "cluster-node-addons-eks-pod-identity-agent" in seen.addon_after("vpc-cni"), (
            "no pod would get an address"
        )

    def test_all_are_there_before_pods_run(self, seen: Seen) -> None:
        everything = {*seen.all("aws:eks/addon:Addon"), "cluster-edge-group"}
        assert set(seen.outputs["system"]) == everything, (
            "what waits for the cluster would not wait for all of it"
        )

    def test_on_a_new_cluster_they_are_what_the_code_says(self, seen: Seen) -> None:
        for addon in seen.addons.values():
            assert addon["resolveConflictsOnCreate"] == "OVERWRITE"
            assert addon["resolveConflictsOnUpdate"] == "OVERWRITE", (
                "a hand's change would outlive every update"
            )
            assert not addon.get("preserve"), "a destroy would leave it behind"
