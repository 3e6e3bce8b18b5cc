"""What the class of an environment's snapshots says, seen by a recording engine."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.snapshot_class import SnapshotClass, SnapshotClassArgs
from tests.support.recording import record


def snapshot_class(**changes: Any) -> Mapping[str, Any]:
    args: dict[str, Any] = {"namespace": "tts", "driver": "ebs.csi.aws.com", "keep": False} | changes

    def program() -> None:
        SnapshotClass("snapshots", SnapshotClassArgs(**args))

    return record(program).object("VolumeSnapshotClass", "tts-snapshots")


@pytest.mark.parametrize(("keep", "policy"), [(True, "Retain"), (False, "Delete")])
def test_a_snapshot_outlives_its_object_where_it_is_to_be_kept(keep: bool, policy: str) -> None:
    assert snapshot_class(keep=keep)["deletionPolicy"] == policy, (
        "kept: a deleted namespace must not take the snapshots along; not kept: nobody owns them, and they are paid for"
    )


def test_it_is_of_the_driver_that_made_the_volumes() -> None:
    assert snapshot_class()["driver"] == "ebs.csi.aws.com", (
        "a class takes snapshots of its own driver's volumes only"
    )


def test_it_has_its_fields_where_the_kind_has_them() -> None:
    assert "spec" not in snapshot_class(), "a VolumeSnapshotClass has no spec: the API server refuses it"


def test_it_hands_the_drivers_own_parameters_on() -> None:
    assert snapshot_class(parameters={"tagSpecification_1": "stack=prod"})["parameters"] == {
        "tagSpecification_1": "stack=prod"
    }
