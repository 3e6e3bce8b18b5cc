"""The cluster on AWS: its control plane, and the way to it. Seen by a recording engine."""

import json

import pulumi
import pytest

from tests.support.eks import ARGS, Clusters, Seen


@pytest.fixture
def clusters(monkeypatch: pytest.MonkeyPatch) -> Clusters:
    return Clusters(monkeypatch)


@pytest.fixture
def seen(clusters: Clusters) -> Seen:
    return clusters.new()


class TestAccess:
    def test_only_access_entries_let_anybody_in(self, seen: Seen) -> None:
        access = seen.cluster["accessConfig"]
        assert access["authenticationMode"] == "API", "a slip in the aws-auth ConfigMap locks everybody out"
        assert access["bootstrapClusterCreatorAdminPermissions"], "pulumi itself could not enter"

    def test_each_admin_is_a_cluster_admin(self, clusters: Clusters) -> None:
        admins = ("arn:aws:iam::123456789012:role/Platform", "arn:aws:iam::123456789012:user/eve")
        seen = clusters.new(admins=admins)
        entries = seen.all("aws:eks/accessEntry:AccessEntry")
        rights = seen.all("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
        assert {entry["principalArn"] for entry in entries.values()} == set(admins)
        assert {right["principalArn"] for right in rights.values()} == set(admins), (
            "an entry alone allows nothing"
        )
        assert all(
            right["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")
            and right["accessScope"] == {"type": "cluster"}
            for right in rights.values()
        )

    def test_an_admin_who_leaves_takes_no_other_along(self, clusters: Clusters) -> None:
        both = clusters.new(admins=("arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b"))
        one = clusters.new(admins=("arn:aws:iam::1:role/b",))
        kind = "aws:eks/accessEntry:AccessEntry"
        ((name, entry),) = one.all(kind).items()
        assert both.all(kind)[name] == entry, "the one who stays would be locked out for a moment"


class TestEndpoint:
    def test_it_is_private_unless_networks_are_named(self, seen: Seen) -> None:
        vpc = seen.cluster["vpcConfig"]
        assert vpc["endpointPrivateAccess"], "nodes would reach the API over the internet, or not at all"
        assert not vpc["endpointPublicAccess"], "the API server would be on the internet unasked"

    def test_it_is_public_to_the_named_networks_only(self, clusters: Clusters) -> None:
        vpc = clusters.new(api_cidrs=("203.0.113.0/24",)).cluster["vpcConfig"]
        assert vpc["endpointPrivateAccess"], "nodes would reach the API over the internet, or not at all"
        assert vpc["endpointPublicAccess"]
        assert vpc["publicAccessCidrs"] == ["203.0.113.0/24"], "AWS's default is the whole internet"

    def test_a_private_network_reaches_the_private_endpoint(self, clusters: Clusters) -> None:
        seen = clusters.new(api_cidrs=("10.9.0.0/16",))
        assert not seen.cluster["vpcConfig"]["endpointPublicAccess"], "EKS refuses a private network there"
        (rule,) = [
            item.inputs for item in seen.recording.resources if "SecurityGroupIngressRule" in item.type
        ]
        assert (rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) == ("10.9.0.0/16", 443, 443), (
            "the endpoint is behind the cluster's own security group, which lets in its nodes alone"
        )

    @pytest.mark.parametrize("everyone", ["0.0.0.0/0", "::/0"])
    def test_the_internet_is_refused(self, clusters: Clusters, everyone: str) -> None:
        with pytest.raises(ValueError, match="opens the Kubernetes API to the internet"):
            clusters.new(api_cidrs=("203.0.113.0/24", everyone))

    def test_it_is_in_the_private_subnets(self, seen: Seen) -> None:
        assert seen.cluster["vpcConfig"]["subnetIds"] == list(ARGS.private_subnet_ids)


class TestSecretsAndLogs:
    def test_secrets_are_encrypted_with_a_key_of_the_clusters_own(self, seen: Seen) -> None:
        key = seen.one("aws:kms/key:Key")
        assert seen.cluster["encryptionConfig"] == {
            "provider": {"keyArn": "arn:aws:test:::cluster-control-plane-key"},
            "resources": ["secrets"],
        }, "who reads etcd's disk would read every token"
        assert key["enableKeyRotation"], "one leaked key would open everything ever written"
        assert key["deletionWindowInDays"] == 30, (
            "after a mistaken destroy a backup is unreadable without its key"
        )

    def test_who_did_what_is_logged(self, seen: Seen) -> None:
        assert set(seen.cluster["enabledClusterLogTypes"]) == {"api", "audit", "authenticator"}, (
            "nobody could tell afterwards who did what"
        )

    def test_logs_end_and_go_with_the_stack(self, seen: Seen) -> None:
        group = seen.one("aws:cloudwatch/logGroup:LogGroup")
        assert group["name"] == "/aws/eks/tts-prod/cluster"
        assert group["retentionInDays"] == 90, "without a number, logs are kept and paid for ever"
        assert "cluster-control-plane-logs" in seen.after["cluster-control-plane-cluster"], (
            "EKS makes the group if it is first, and a destroy leaves that one behind"
        )


class TestControlPlane:
    def test_services_have_the_range_that_was_planned(self, seen: Seen) -> None:
        network = seen.cluster["kubernetesNetworkConfig"]
        assert network["serviceIpv4Cidr"] == ARGS.service_cidr, (
            "AWS would choose one that may overlap with ours"
        )

    @pytest.mark.parametrize("protected", [True, False])
    def test_deletion_protection_is_as_asked(self, clusters: Clusters, protected: bool) -> None:
        cluster = clusters.new(deletion_protection=protected).cluster
        assert cluster["deletionProtection"] is protected, "prod must not go by one call, dev must"

    def test_aws_does_not_upgrade_it(self, seen: Seen) -> None:
        assert seen.cluster["version"] == "1.34"
        assert seen.cluster["upgradePolicy"] == {"supportType": "EXTENDED"}, (
            "an untested version would come on a date of AWS's choosing, with no way back"
        )

    def test_no_addon_is_installed_behind_our_back(self, seen: Seen) -> None:
        assert seen.cluster["bootstrapSelfManagedAddons"] is False, "the managed ones would meet theirs"

    def test_its_role_has_its_rights_first(self, seen: Seen) -> None:
        role = "cluster-control-plane-role"
        assert seen.trust(role)["Principal"] == {"Service": "eks.amazonaws.com"}
        assert seen.policies(role) == {"AmazonEKSClusterPolicy"}
        assert f"{role}-AmazonEKSClusterPolicy" in seen.after["cluster-control-plane-cluster"], (
            "a destroy would take EKS's right to remove its own interfaces"
        )


class TestVersions:
    def test_an_untested_version_is_refused(self, clusters: Clusters) -> None:
        with pytest.raises(pulumi.RunError, match=r"tts-prod: Kubernetes 1\.36 .* \(1\.33, 1\.34\)"):
            clusters.new(kubernetes_version="1.36")

    def test_an_existing_cluster_of_an_untested_version_is_refused(self, clusters: Clusters) -> None:
        with pytest.raises(pulumi.RunError, match=r"tts-prod: Kubernetes 1\.29 "):
            clusters.existing(running={"version": "1.29"})

    def test_nodes_have_the_version_of_the_cluster_that_is_there(self, clusters: Clusters) -> None:
        assert clusters.existing().nodes["version"] == "1.34", (
            "EKS refuses nodes that are newer than the cluster"
        )


class TestKubeconfig:
    def test_it_is_secret_and_holds_no_credentials(self, seen: Seen) -> None:
        assert seen.outputs["kubeconfig is secret"], "it names the way in, and CI logs keep it"
        config = json.loads(seen.outputs["kubeconfig"])
        (user,) = config["users"]
        assert user["user"]["exec"]["command"] == "aws"
        assert user["user"]["exec"]["args"] == [
            *(
                "eks",
                "get-token",
                "--cluster-name",
                "tts-prod",
                "--region",
                "eu-central-1",
                "--output",
                "json",
            )
        ]

    def test_it_leads_to_the_cluster(self, seen: Seen) -> None:
        config = json.loads(seen.outputs["kubeconfig"])
        (cluster,) = config["clusters"]
        assert cluster["cluster"] == {
            "server": "https://made.eks.amazonaws.com",
            "certificate-authority-data": "bmV3",
        }
        assert config["current-context"] == config["contexts"][0]["name"] == cluster["name"] == "tts-prod"

    def test_it_leads_to_a_cluster_that_is_there(self, clusters: Clusters) -> None:
        config = json.loads(clusters.existing().outputs["kubeconfig"])
        assert config["clusters"][0]["cluster"]["server"] == "https://there.eks.amazonaws.com"
