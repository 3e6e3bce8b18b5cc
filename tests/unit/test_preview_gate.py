"""What a change means for a service that runs, and which may not pass by themselves."""

from typing import Any

import pytest

from ops.preview.effects import TABLE
from ops.preview.gate import REFUSED, stopped
from ops.preview.meaning import meaning
from ops.preview.plan import Change, Op, parsed
from ops.preview.rows import Weight
from tests.support.previews import CLAIM, DEPLOYMENT, POOL, PROXY, event, named, pool, review


class TestMeaning:
    def test_every_row_is_a_sentence(self) -> None:
        for rows in TABLE.values():
            assert all(row.text.endswith(".") and row.text[0].isupper() for row in rows)

    def test_a_kind_is_not_taken_for_another_that_begins_alike(self) -> None:
        account = Change(op=Op.DELETE, kind="kubernetes:core/v1:ServiceAccount", name="it", old={}, new={})
        assert meaning(account) is None, "a Service that goes is another matter"

    @pytest.mark.parametrize("op", [Op.REPLACE, Op.DELETE])
    @pytest.mark.parametrize(
        "kind",
        [
            CLAIM,
            "kubernetes:core/v1:PersistentVolume",
            "kubernetes:core/v1:Namespace",
            "kubernetes:argoproj.io/v1alpha1:Application",
            "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
            "aws:efs/fileSystem:FileSystem",
            "aws:s3/bucket:Bucket",
            "aws:kms/key:Key",
            "aws:eks/cluster:Cluster",
        ],
    )
    def test_what_holds_data_does_not_go_in_passing(self, kind: str, op: Op) -> None:
        assert stopped([Change(op=op, kind=kind, name="it", old={"a": 1}, new={})]), "nobody can say it again"

    @pytest.mark.parametrize("op", [Op.CREATE, Op.UPDATE])
    def test_what_stays_is_no_loss(self, op: Op) -> None:
        assert not stopped([Change(op=op, kind=CLAIM, name="it", old={}, new={"a": 1})])

    def test_what_is_left_where_it_is_is_no_loss(self) -> None:
        change = Change(op=Op.DELETE, kind=CLAIM, name="it", old={}, new={}, retained=True)
        assert not stopped([change]), (
            "a label would be asked for without a reason, and soon be given without one"
        )

    @pytest.mark.parametrize(
        ("op", "kind", "weight"),
        [
            (Op.REPLACE, PROXY, Weight.DOWN),
            (Op.DELETE, PROXY, Weight.DOWN),
            (Op.UPDATE, PROXY, Weight.NOTE),
            (Op.REPLACE, "kubernetes:storage.k8s.io/v1:StorageClass", Weight.NOTE),
            (Op.DELETE, "kubernetes:networking.k8s.io/v1:NetworkPolicy", Weight.DOWN),
            (Op.REPLACE, "aws:lb/loadBalancer:LoadBalancer", Weight.DOWN),
        ],
    )
    def test_what_a_kind_means(self, op: Op, kind: str, weight: Weight) -> None:
        found = meaning(Change(op=op, kind=kind, name="it", old={}, new={}))
        assert found is not None
        assert found.weight is weight

    @pytest.mark.parametrize(("surge", "weight"), [(1, Weight.NOTE), (0, Weight.DOWN)])
    def test_a_new_image_means_what_its_rollout_makes_of_it(self, surge: int, weight: Weight) -> None:
        def speech(image: str) -> dict[str, Any]:
            strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge}}
            return named("speech", spec={"strategy": strategy, "template": {"spec": {"image": image}}})

        (change,) = parsed([event("update", DEPLOYMENT, old=speech("a:1"), new=speech("a:2"))], 0).changes
        found = meaning(change)
        assert found is not None
        assert found.weight is weight, "whether somebody is cut off is what a reviewer wants to know"


class TestLastGpuNode:
    @pytest.mark.parametrize(
        ("old", "new", "op"),
        [(1, 0, Op.UPDATE), (3, 0, Op.UPDATE), (1, None, Op.DELETE)],
    )
    def test_it_has_to_be_meant(self, old: int, new: int | None, op: Op) -> None:
        after = {} if new is None else pool(["g6.xlarge"], new)
        assert stopped([Change(op=op, kind=POOL, name="gpu", old=pool(["g6.xlarge"], old), new=after)])

    @pytest.mark.parametrize(("old", "new"), [(0, 0), (3, 1), (1, 2)])
    def test_where_one_is_left_nobody_is_asked(self, old: int, new: int) -> None:
        before, after = pool(["g6.xlarge"], old), pool(["g6.xlarge"], new)
        assert not stopped([Change(op=Op.UPDATE, kind=POOL, name="gpu", old=before, new=after)])

    def test_edge_nodes_are_no_gpus(self) -> None:
        old = pool(["m6i.large"], 2, labels={"tts-platform/pool": "edge"})
        assert not stopped([Change(op=Op.DELETE, kind=POOL, name="edge", old=old, new={})])


class TestExitCode:
    def test_each_end_has_its_own(self) -> None:
        gone = event("delete", CLAIM, old=named("outputs"))
        assert review().code == 0
        assert review(gone).code == REFUSED == 3
        assert review(gone, data_loss_allowed=True).code == 0
        assert review(gone, code=255, data_loss_allowed=True).code == 1, "no label mends a broken program"

    def test_the_refusal_names_what_is_lost_and_the_way_out(self) -> None:
        said = str(review(event("delete", CLAIM, old=named("outputs"))).refusal)
        assert "tts/outputs (PersistentVolumeClaim) deleted" in said
        assert "allows-data-loss" in said

    def test_what_argo_cd_would_delete_counts_as_well(self) -> None:
        gone = Change(op=Op.DELETE, kind=CLAIM, name="tts/outputs", old={"a": 1}, new={})
        assert review(delivered=(gone,)).code == REFUSED, "half of production is not Pulumi's"
