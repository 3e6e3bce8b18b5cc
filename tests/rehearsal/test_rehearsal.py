"""Production from an empty account to its end: the real engine, a stand-in for AWS, and a real cluster.

Each test goes on from where the one before it stopped. The AWS half makes real calls to a moto server, which stands in
for the account (tests/aws says what that shows and what not); the Kubernetes half goes to the embedded cluster.
"""

import os
from collections import Counter

import pytest

from ops import policy_pack, teardown
from ops.errors import OpsError
from tests.aws.account import Account
from tests.cluster.door import SENTENCE, Door, frames
from tests.cluster.inventory import inventory
from tests.cluster.running import NAMESPACE, SPEECH, Running, eventually
from tests.rehearsal.conftest import IMAGE, Counts, Production
from tests.rehearsal.paths import most_paths

NEXT_IMAGE = f"{IMAGE}:1.0.1"


def test_preview_of_nothing_lists_everything(
    production: Production, account: Account, found: Counter[str]
) -> None:
    listed = Counter(step["newState"]["type"] for step in production.preview())
    for kind, count in {
        "aws:eks/cluster:Cluster": 1,
        "aws:eks/nodeGroup:NodeGroup": 2,
        "aws:lb/loadBalancer:LoadBalancer": 1,
        "kubernetes:apps/v1:Deployment": 5,
        "kubernetes:apps/v1:DaemonSet": 2,
        "kubernetes:projectcontour.io/v1:HTTPProxy": 1,
        "kubernetes:core/v1:PersistentVolumeClaim": 1,
    }.items():
        assert listed[kind] == count, f"a preview has to show the {kind} of a cluster that is not there yet"
    assert account.counts() == found, "a preview makes nothing"


def test_up_makes_all_of_it(production: Production, account: Account, counts: Counts) -> None:
    # As make deploy does.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.environ["PATH"])
        said = production.up(*policy_pack.ready())
    assert "✅ tts-platform@" in said, "nobody asked the policies of what was made"
    counts.take("up", production, account)
    assert not account.untagged(), "a bill has to say whose each resource is"


def test_the_service_speaks(door: Door) -> None:
    with door.client() as voice:
        assert len(frames(voice.say(SENTENCE).read())) > 10_000, (
            "what was deployed is a service, and not its shape"
        )


def test_secrets_stay_secret(production: Production) -> None:
    shown = production.pulumi("stack", "output").stdout
    assert "[secret]" in shown
    assert "get-token" not in shown, "the kubeconfig is for who asks for it"


def test_a_second_up_changes_nothing(production: Production) -> None:
    production.up("--expect-no-changes")


def test_drift_is_found_and_mended(production: Production, running: Running) -> None:
    production.drift()
    (policy, *_) = running.networking.list_namespaced_network_policy(NAMESPACE).items
    running.networking.delete_namespaced_network_policy(policy.metadata.name, NAMESPACE)
    found = production.drift(check=False)
    assert found.returncode != 0, "what somebody has deleted by hand is seen by nobody"
    assert policy.metadata.name in found.stdout
    production.up("--refresh")
    production.drift()


def test_an_error_in_a_destroy_is_told_at_once(production: Production) -> None:
    # The engine walks about a million in a second.
    assert most_paths(production.resources()) < 5_000_000, (
        "a destroy that fails would be silent for minutes: make something depend on less"
    )


def test_an_update_replaces_nothing(
    production: Production, account: Account, running: Running, counts: Counts
) -> None:
    before = production.ids()
    production.settings |= {"image": NEXT_IMAGE, "gpuNodes": "4"}
    production.up()
    counts.take("update", production, account)
    after = production.ids()
    assert after == before, (
        "a new image and one more node are changes in place: no resource goes, comes or is another"
    )
    images = {pod.spec.containers[0].image for pod in running.pods(NAMESPACE, SPEECH)}
    assert images == {NEXT_IMAGE}, "the new version is what speaks"
    groups = account.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert sorted(group["DesiredCapacity"] for group in groups) == [2, 4], "two edge nodes, four GPU nodes"


def test_protection_stops_every_destroy(production: Production, account: Account) -> None:
    made, ids = account.counts(), production.ids()
    refused = production.pulumi("destroy", "--yes", check=False)
    assert refused.returncode != 0, "production goes when somebody has said so twice"
    with pytest.raises(OpsError, match="deletionProtection false"):
        teardown.teardown(production)
    assert (account.counts(), production.ids()) == (made, ids), "a refusal changes nothing"


@pytest.mark.usefixtures("production")
def test_the_cluster_refuses_too(account: Account) -> None:
    eks = account.client("eks")
    (name,) = eks.list_clusters()["clusters"]
    for group in eks.list_nodegroups(clusterName=name)["nodegroups"]:
        assert (
            eks.describe_nodegroup(clusterName=name, nodegroupName=group)["nodegroup"]["status"] == "ACTIVE"
        )
    assert eks.describe_cluster(name=name)["cluster"]["deletionProtection"] is True, (
        "also against a console's button"
    )


def test_destroy_leaves_the_data_and_says_so(
    production: Production,
    account: Account,
    running: Running,
    before: set[str],
    counts: Counts,
    found: Counter[str],
) -> None:
    production.settings |= {"deletionProtection": "false"}
    production.up()
    kept = teardown.teardown(production)
    counts.take("destroy", production, account)

    names = {item.name for item in kept}
    (file_system,) = account.client("efs").describe_file_systems()["FileSystems"]
    assert file_system["FileSystemId"] in names, "who pays for it has to know of it"
    assert account.counts() - found == Counter({"efs:file-system": 1}), (
        "everything else of the account is as it was"
    )

    def left() -> set[str]:
        return inventory(running) - before

    (volume,) = [item.name for item in kept if item.kind == "PersistentVolume"]
    # Pods and what belongs to them go a moment after what they are of.
    eventually(lambda: left() == {f"api/v1 persistentvolumes /{volume}"}, 90, "only what was spoken is left")
    assert not before - inventory(running), "something went that was not ours"


def test_what_is_needed_goes_last(production: Production) -> None:
    gone = production.deletions()

    def last(start: str) -> int:
        return max(index for index, line in enumerate(gone) if line.startswith(start) or f" {start}" in line)

    def first(start: str) -> int:
        return min(index for index, line in enumerate(gone) if line.startswith(start) or f" {start}" in line)

    for controller in ("contour-", "cert-manager-"):
        assert last("tts-") < first(controller), "an object without its controller keeps its finalizer"
        assert last(controller) < first("aws-cluster-edge-group"), (
            "a controller without a node cannot clean up"
        )
    assert last("tts-") < first("aws-gpu-nodes"), "a synthesis under way would be cut off"
    assert last("aws:eks:NodeGroup") < first("aws:eks:Cluster")
    assert last("aws:eks:Cluster") < first("aws:ec2:Subnet"), "a cluster's interfaces hold its subnets"
