"""A cluster that somebody else made, joined: seen by a recording engine."""

import pulumi
import pytest

from tests.support.eks import ADDONS, Clusters


@pytest.fixture
def clusters(monkeypatch: pytest.MonkeyPatch) -> Clusters:
    return Clusters(monkeypatch)


class TestExistingCluster:
    def test_nothing_of_the_cluster_itself_is_made(self, clusters: Clusters) -> None:
        types = set(clusters.existing().recording.types)
        foreign = {"aws:eks/cluster:Cluster", "aws:kms/key:Key", "aws:cloudwatch/logGroup:LogGroup"}
        assert not types & foreign, "what somebody else made is not this stack's to own"
        assert "aws:eks/accessPolicyAssociation:AccessPolicyAssociation" not in types, (
            "who may enter is theirs to say"
        )

    def test_it_gets_the_nodes_and_the_addons_that_it_has_not(self, clusters: Clusters) -> None:
        seen = clusters.existing(
            {"vpc-cni": '{"enableNetworkPolicy": "true"}', "coredns": "", "kube-proxy": ""}
        )
        wanted = {addon.name for addon in ADDONS} - {"vpc-cni", "coredns", "kube-proxy"}
        assert set(seen.addons) == wanted, "an add-on that is there is somebody else's"
        assert seen.template["vpcSecurityGroupIds"][0] == "sg-there", "its nodes could not reach its API"

    def test_an_addon_that_this_stack_made_stays_its_own(self, clusters: Clusters) -> None:
        seen = clusters.existing({"coredns": ""}, own_addons=frozenset({"coredns"}))
        assert "coredns" in seen.addons, "the second update would delete what the first one made"

    def test_what_was_installed_by_hand_is_not_overwritten(self, clusters: Clusters) -> None:
        seen = clusters.existing()
        assert {addon["resolveConflictsOnCreate"] for addon in seen.addons.values()} == {"NONE"}

    def test_its_network_is_never_taken_over(self, clusters: Clusters) -> None:
        made = set(clusters.existing().addons)
        assert not made & {"vpc-cni", "kube-proxy", "coredns"}, "a destroy would take every pod's network"

    def test_the_addons_versions_are_of_its_own_kubernetes(self, clusters: Clusters) -> None:
        with pytest.raises(Exception, match="write kubernetesVersion"):
            clusters.existing(kubernetes_version="1.33")

    def test_an_addon_that_one_may_not_see_is_not_taken_for_missing(self, clusters: Clusters) -> None:
        with pytest.raises(Exception, match="AccessDenied"):
            clusters.existing({"coredns": "denied"})

    def test_a_cluster_in_another_vpc_is_refused(self, clusters: Clusters) -> None:
        with pytest.raises(pulumi.RunError, match="is in vpc-1, not in vpc-2"):
            clusters.existing(vpc_id="vpc-2")

    def test_the_nodes_access_entry_goes_with_the_stack(self, clusters: Clusters) -> None:
        seen = clusters.existing()
        entry = seen.one("aws:eks/accessEntry:AccessEntry")
        assert entry["type"] == "EC2_LINUX", "EKS would make one itself, and leave it behind"
        assert "cluster-nodes" in seen.after["cluster-edge-group"], (
            "nodes would be locked out before they are gone"
        )
        assert "cluster-nodes" in seen.after["user-of-role"], "nodes would be locked out before they are gone"

    def test_a_cluster_without_access_entries_gets_none(self, clusters: Clusters) -> None:
        seen = clusters.existing(running={"accessConfigs": [{"authenticationMode": "CONFIG_MAP"}]})
        assert not seen.all("aws:eks/accessEntry:AccessEntry"), (
            "EKS refuses the entry, and nothing would be made"
        )


class TestUnenforcedPolicies:
    @pytest.fixture
    def warnings(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        said: list[str] = []
        monkeypatch.setattr("pulumi.log.warn", lambda text, *_: said.append(text))
        return said

    @pytest.mark.parametrize("values", ["", '{"enableNetworkPolicy": "false"}', '{"env": {"A": "1"}}'])
    def test_they_are_said(self, clusters: Clusters, warnings: list[str], values: str) -> None:
        clusters.existing({"vpc-cni": values})
        (warning,) = warnings
        assert "NetworkPolicies are not enforced" in warning, (
            "the policies would be decoration, and nobody knew"
        )
        assert '"enableNetworkPolicy": "true"' in warning, "a warning without a way out is noise"
        assert "\n" not in warning

    def test_the_command_keeps_the_values_that_are_there(
        self, clusters: Clusters, warnings: list[str]
    ) -> None:
        clusters.existing({"vpc-cni": '{"env": {"A": "1"}}'})
        assert '"env": {"A": "1"}' in warnings[0], "an update replaces all the values"

    @pytest.mark.parametrize("values", ['{"enableNetworkPolicy": "true"}', '{"enableNetworkPolicy": true}'])
    def test_enforced_ones_are_not(self, clusters: Clusters, warnings: list[str], values: str) -> None:
        clusters.existing({"vpc-cni": values})
        assert not warnings

    def test_a_cni_of_this_stack_is_not_warned_of(self, clusters: Clusters, warnings: list[str]) -> None:
        clusters.existing({"vpc-cni": ""}, own_addons=frozenset({"vpc-cni"}))
        assert not warnings, "the update that follows turns them on"
