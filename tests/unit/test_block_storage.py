"""What the classes of EBS volumes say, seen by a recording engine."""

from typing import Any

import pytest

from components.block_storage import BlockStorage, BlockStorageArgs
from components.storage_backend import EBS_STORAGE_CLASS
from tests.support.recording import Recording, record


def block_storage(*, keep: bool = False) -> Recording:
    def program() -> None:
        BlockStorage("disks", BlockStorageArgs(keep=keep))

    return record(program)


def storage_class(**changes: bool) -> Any:
    return block_storage(**changes).object("StorageClass", EBS_STORAGE_CLASS)


class TestDisks:
    def test_they_are_encrypted_gp3(self) -> None:
        found = storage_class()
        assert found["provisioner"] == "ebs.csi.aws.com"
        assert found["parameters"] == {"type": "gp3", "encrypted": "true"}, (
            "what was spoken would lie in clear on a disk that AWS may hand on"
        )

    def test_they_can_grow(self) -> None:
        assert storage_class()["allowVolumeExpansion"] is True, "a larger outputsSize would be refused"

    def test_they_are_made_where_the_pod_is(self) -> None:
        assert storage_class()["volumeBindingMode"] == "WaitForFirstConsumer", (
            "a disk is of one zone, and the GPU node may be in another"
        )

    def test_claims_of_others_do_not_get_them(self) -> None:
        annotations = storage_class()["metadata"].get("annotations", {})
        assert "storageclass.kubernetes.io/is-default-class" not in annotations, (
            "every claim without a class would change hands"
        )


@pytest.mark.parametrize(("keep", "policy"), [(True, "Retain"), (False, "Delete")])
class TestKeeping:
    def test_a_disk_outlives_its_claim_where_it_is_to_be_kept(self, keep: bool, policy: str) -> None:
        assert storage_class(keep=keep)["reclaimPolicy"] == policy, (
            "kept: a deleted claim must not take the outputs along; not kept: a disk that nobody owns is paid for"
        )
