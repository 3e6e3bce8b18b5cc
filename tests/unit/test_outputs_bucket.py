"""What the outputs bucket registers, seen by a recording engine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pulumi
import pytest

from components.outputs_bucket import OutputsBucket, OutputsBucketArgs
from tests.support.recording import Recording, record

ARGS = OutputsBucketArgs(
    region="eu-west-1",
    cluster_name="cluster-traced",
    namespace="tts",
    service_account="speech",
    user=1000,
    size="100Gi",
    keep=True,
)

BUCKET = "aws:s3/bucket:Bucket"
PUBLIC_ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"

KEPT = {BUCKET, PUBLIC_ACCESS, OWNERSHIP, POLICY, ENCRYPTION, VERSIONING, LIFECYCLE}


class Answering(Recording):
    """Gives a bucket the name and the ARN that AWS would."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        identity, state = super().new_resource(args)
        if args.typ == BUCKET:
            state = {"bucket": "spoken", "arn": "arn:aws:s3:::spoken", **state}
        return identity, state


@dataclass
class Seen:
    recording: Recording
    options: dict[str, pulumi.ResourceOptions] = field(default_factory=dict[str, pulumi.ResourceOptions])
    """Of each resource, by its logical name."""

    def one(self, token: str) -> Mapping[str, Any]:
        (found,) = [item for item in self.recording.resources if item.type == token]
        return found.inputs

    def rule(self, name: str) -> Any:
        (found,) = [item for item in self.one(LIFECYCLE)["rules"] if item["id"] == name]
        return found

    @property
    def volume(self) -> Any:
        return self.recording.object("PersistentVolume", "tts-outputs")["spec"]

    def protected(self) -> set[str]:
        return {item.type for item in self.recording.resources if self._options(item.name).protect}

    def before(self, name: str) -> set[str]:
        """Names of what a resource is told to come after."""
        depends_on: Any = self._options(name).depends_on or []
        return {resource._name for resource in depends_on}

    def _options(self, name: str) -> pulumi.ResourceOptions:
        return self.options.get(name, pulumi.ResourceOptions())


def outputs_bucket(monkeypatch: pytest.MonkeyPatch, *, as_a_whole: bool = False, **changes: Any) -> Seen:
    """After the CSI driver: what must be, or, against advice, all of it."""
    monkeypatch.setattr("tests.support.recording.Recording", Answering)
    options: dict[str, pulumi.ResourceOptions] = {}

    def note(seen: pulumi.ResourceTransformationArgs) -> None:
        options[seen.name] = seen.opts

    def program() -> None:
        driver = pulumi.ComponentResource("test:Driver", "driver")
        args = replace(ARGS, after=[] if as_a_whole else [driver], **changes)
        whole = [driver] if as_a_whole else None
        OutputsBucket("outputs", args, pulumi.ResourceOptions(transformations=[note], depends_on=whole))

    return Seen(record(program), options)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    return outputs_bucket(monkeypatch)


class TestPrivacy:
    def test_nothing_in_it_can_be_made_public(self, seen: Seen) -> None:
        found = seen.one(PUBLIC_ACCESS)
        switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        assert all(found[switch] is True for switch in switches), "recordings of voices, open to the world"

    def test_access_is_said_in_policies_only(self, seen: Seen) -> None:
        assert seen.one(OWNERSHIP)["rule"] == {"objectOwnership": "BucketOwnerEnforced"}, (
            "an object's own access list would say otherwise than the bucket"
        )

    def test_it_is_encrypted(self, seen: Seen) -> None:
        (rule,) = seen.one(ENCRYPTION)["rules"]
        assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}

    def test_nobody_reads_it_in_clear(self, seen: Seen) -> None:
        (deny,) = json.loads(seen.one(POLICY)["policy"])["Statement"]
        assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "s3:*")
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert deny["Resource"] == ["arn:aws:s3:::spoken", "arn:aws:s3:::spoken/*"], (
            "the bucket's own ARN covers none of its objects"
        )


class TestAge:
    def test_what_was_deleted_can_be_had_back_for_a_month(self, seen: Seen) -> None:
        assert seen.one(VERSIONING)["versioningConfiguration"] == {"status": "Enabled"}
        assert seen.rule("cheaper-with-age")["noncurrentVersionExpiration"] == {"noncurrentDays": 30}, (
            "versions that never go are paid for forever"
        )

    def test_old_outputs_get_cheaper_and_stay_readable(self, seen: Seen) -> None:
        moves = {item["days"]: item["storageClass"] for item in seen.rule("cheaper-with-age")["transitions"]}
        assert moves == {30: "STANDARD_IA", 90: "GLACIER_IR"}, (
            "S3 refuses Standard-IA before 30 days, and a pod cannot read what must be restored first"
        )

    def test_half_an_upload_is_not_kept(self, seen: Seen) -> None:
        found = seen.rule("nothing-half-uploaded")["abortIncompleteMultipartUpload"]
        assert found == {"daysAfterInitiation": 7}, "no listing shows it, and it is paid for"

    def test_every_rule_holds_for_every_object(self, seen: Seen) -> None:
        rules = seen.one(LIFECYCLE)["rules"]
        assert all((rule["status"], rule["filter"]) == ("Enabled", {"prefix": ""}) for rule in rules)


class TestRights:
    def test_the_pods_have_what_mountpoint_needs_on_this_bucket_and_no_more(self, seen: Seen) -> None:
        on_bucket, on_objects = json.loads(seen.one(ROLE_POLICY)["policy"])["Statement"]
        assert on_bucket == {
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": ["arn:aws:s3:::spoken"],
        }
        assert on_objects["Resource"] == ["arn:aws:s3:::spoken/*"], "other buckets are none of its business"
        assert sorted(on_objects["Action"]) == [
            "s3:AbortMultipartUpload",
            "s3:DeleteObject",
            "s3:GetObject",
            "s3:PutObject",
        ], "with s3:DeleteObjectVersion, what was deleted could not be had back"

    def test_only_the_services_pods_take_the_role_on(self, seen: Seen) -> None:
        (trust,) = json.loads(seen.one(ROLE)["assumeRolePolicy"])["Statement"]
        assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
        assert sorted(trust["Action"]) == ["sts:AssumeRole", "sts:TagSession"], "Pod Identity needs both"
        assert trust["Condition"]["StringEquals"] == {
            "aws:RequestTag/eks-cluster-name": "cluster-traced",
            "aws:RequestTag/kubernetes-namespace": "tts",
            "aws:RequestTag/kubernetes-service-account": "speech",
        }, "whoever may make an association could hand the role to pods of their own"

    def test_the_service_account_is_given_the_role(self, seen: Seen) -> None:
        found = seen.one(ASSOCIATION)
        assert found["clusterName"] == "cluster-traced"
        assert (found["namespace"], found["serviceAccount"]) == ("tts", "speech")
        assert not found.get("disableSessionTags"), "without the tags, the role's own condition refuses it"


class TestVolume:
    def test_it_is_mounted_with_the_pods_own_rights(self, seen: Seen) -> None:
        assert seen.volume["csi"] == {
            "driver": "s3.csi.aws.com",
            "volumeHandle": "tts-outputs",
            "volumeAttributes": {"bucketName": "spoken", "authenticationSource": "pod"},
        }, "with the driver's rights, every pod of the cluster could mount every bucket"

    def test_only_its_claim_gets_it(self, seen: Seen) -> None:
        assert seen.volume["claimRef"] == {"namespace": "tts", "name": "outputs"}
        assert seen.volume["storageClassName"] == "", "the claim asks for no class, and would not match"

    def test_the_engines_user_can_write_and_delete(self, seen: Seen) -> None:
        options = set(seen.volume["mountOptions"])
        assert {"allow-other", "uid=1000", "gid=1000"} <= options, "files would be root's, and read-only"
        assert "allow-delete" in options

    def test_its_region_is_said(self, seen: Seen) -> None:
        assert "region eu-west-1" in seen.volume["mountOptions"], (
            "with a hop limit of 1 Mountpoint cannot ask the instance for it"
        )

    def test_any_number_of_pods_mount_it(self, seen: Seen) -> None:
        assert seen.volume["accessModes"] == ["ReadWriteMany"]

    def test_nobody_tries_to_delete_the_bucket_with_the_claim(self, seen: Seen) -> None:
        assert seen.volume["persistentVolumeReclaimPolicy"] == "Retain"

    def test_two_environments_of_a_cluster_have_a_volume_each(self, monkeypatch: pytest.MonkeyPatch) -> None:
        (volume,) = outputs_bucket(monkeypatch, namespace="other").recording.objects("PersistentVolume")
        assert volume["metadata"]["name"] == volume["spec"]["csi"]["volumeHandle"] == "other-outputs", (
            "a node mounts each handle once: the second would see the first one's bucket"
        )

    def test_it_comes_after_the_pods_rights_and_the_driver(self, seen: Seen) -> None:
        assert seen.before("outputs-volume") == {"outputs-pod-identity", "driver"}, (
            "the first pod's mount would be refused, and the last one's never undone"
        )


class TestKeeping:
    def test_the_bucket_and_its_settings_are_protected(self, seen: Seen) -> None:
        assert seen.protected() == KEPT, (
            "less: a destroy opens or deletes what was to be kept; more: it never gets rid of the cluster"
        )

    def test_a_kept_bucket_is_not_emptied(self, seen: Seen) -> None:
        assert seen.one(BUCKET)["forceDestroy"] is False

    def test_what_is_not_kept_goes_with_all_that_is_in_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = outputs_bucket(monkeypatch, keep=False)
        assert found.protected() == set()
        assert found.one(BUCKET)["forceDestroy"] is True, "S3 refuses to delete a bucket that is not empty"

    def test_what_is_kept_depends_on_nothing_that_goes(self, seen: Seen) -> None:
        kept = {item.name for item in seen.recording.resources if item.type in KEPT}
        for item in seen.recording.resources:
            if item.type in KEPT:
                assert "traced" not in json.dumps(item.inputs), "a destroy would keep the cluster for it"
                assert seen.before(item.name) <= kept

    def test_after_something_as_a_whole_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ValueError, match="keep all that it depends on"):
            outputs_bucket(monkeypatch, keep=True, as_a_whole=True)
        allowed = outputs_bucket(monkeypatch, keep=False, as_a_whole=True)
        assert not allowed.protected(), "nothing is kept: no harm in it"
