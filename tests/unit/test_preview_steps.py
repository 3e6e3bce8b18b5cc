"""Steps of the engine that are easily misread: what an update has left behind, imports, providers, protected things."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ops.preview.comment import comment
from ops.preview.effects_kubernetes import CLAIM
from ops.preview.gate import stopped
from ops.preview.gpu_nodes import NODE_GROUP
from ops.preview.meaning import meaning
from ops.preview.plan import Change, Op, parsed
from ops.preview.review import Review
from ops.preview.rows import Weight
from tests.support.previews import event, named, pool, review

PROVIDER = "pulumi:providers:kubernetes"


def error(text: str) -> str:
    return json.dumps({"diagnosticEvent": {"severity": "error", "message": text}})


def refusal() -> str:
    said = {"policyName": "no-latest", "enforcementLevel": "mandatory", "message": "latest moves"}
    return json.dumps({"policyEvent": said})


class TestSteps:
    def test_what_an_earlier_update_could_not_delete_goes_now(self) -> None:
        (change,) = parsed([event("delete-replaced", CLAIM, old=named("outputs"))], 0).changes
        assert change.op is Op.DELETE
        assert stopped([change]), (
            "the volume goes in an update of which the comment says that nothing changes"
        )

    def test_an_import_that_replaces_is_one_change(self) -> None:
        states: dict[str, Any] = {"old": named("outputs"), "new": named("outputs")}
        lines = [event(op, CLAIM, **states) for op in ("import-replacement", "replace", "delete-replaced")]
        (change,) = parsed(lines, 0).changes
        assert change.op is Op.REPLACE
        assert not change.deleted_first, "the imported one is there before the old one goes"

    def test_a_provider_that_goes_takes_nothing_along(self) -> None:
        assert not parsed([event("delete", PROVIDER, old={})], 0).changes, (
            "a label would be asked for where nothing is lost"
        )

    @pytest.mark.parametrize("op", [Op.DELETE, Op.REPLACE])
    def test_what_is_retained_is_no_loss(self, op: Op) -> None:
        assert not stopped([Change(op=op, kind=CLAIM, name="it", old={"a": 1}, new={}, retained=True)])


class TestFailures:
    def test_a_protected_claim_has_one_story(self) -> None:
        protected = error("unable to delete resource: as it is currently marked for protection")
        refused = review(event("delete", CLAIM, old=named("outputs")), protected, code=255)
        text = comment(refused)
        assert refused.code == 1
        assert "marked for protection" in text
        assert "🔴" in text, "that it would be lost is why somebody protected it"
        assert "Nothing can be said" not in text, "the rest of the comment says it"
        assert "allows-data-loss" not in text, "no label lets a preview pass that has failed"
        assert "What Pulumi changes, as far as it got: 1" in text

    def test_a_program_that_broke_is_not_known_whatever_a_policy_says(self) -> None:
        both = review(refusal(), error("Program failed"), event("create", CLAIM, new=named("a")), code=255)
        assert not both.plan.refused
        assert "the preview failed" in comment(both), "what it would delete never came to be said"

    def test_what_pulumi_warns_of_is_shown(self) -> None:
        said = {"severity": "warning", "message": "the cluster is unreachable"}
        text = comment(review(json.dumps({"diagnosticEvent": said})))
        assert "the cluster is unreachable" in text, "it was compared with the state alone"

    def test_where_a_plugin_of_ours_is_warns_of_nothing(self) -> None:
        said = {"severity": "warning", "message": "using pulumi-analyzer-policy-runner from $PATH at policy"}
        assert "Pulumi warns" not in comment(review(json.dumps({"diagnosticEvent": said})))


class TestGpuPools:
    def gone(self, old: dict[str, Any], **more: Any) -> Change:
        return Change(op=Op.DELETE, kind=NODE_GROUP, name="gpu", old=old, new={}, **more)

    def test_one_that_is_scaled_by_something_else_has_nodes_whatever_it_began_with(self) -> None:
        assert stopped([self.gone(pool(["g6.xlarge"], 0))]), (
            "five nodes may be there, and the state says none"
        )

    def test_one_that_loses_its_label_has_no_speech_pods_any_more(self) -> None:
        old = pool(["g6.xlarge"], 2)
        change = Change(op=Op.UPDATE, kind=NODE_GROUP, name="gpu", old=old, new={**old, "labels": {}})
        assert stopped([change]), "every speech pod would wait for a node that has the label"

    def test_one_that_is_renamed_has_a_successor(self) -> None:
        lines = [
            event("create", NODE_GROUP, "new", new={"inputs": pool(["g6.xlarge"], 1)}),
            event("delete", NODE_GROUP, "old", old={"inputs": pool(["g6.xlarge"], 1)}),
        ]
        renamed = review(*lines)
        assert not renamed.stopped, "the new nodes are there before the old ones go"
        (row,) = [row for row in renamed.as_json()["changes"] if row["op"] == "deleted"]
        assert row["weight"] == "down"

    def test_an_empty_one_is_no_successor(self) -> None:
        lines = [
            event("create", NODE_GROUP, "new", new={"inputs": pool(["g6.xlarge"], 0)}),
            event("delete", NODE_GROUP, "old", old={"inputs": pool(["g6.xlarge"], 1)}),
        ]
        assert review(*lines).stopped

    def test_edge_nodes_are_no_successor(self) -> None:
        edge = pool(["m6i.large"], 2, labels={"tts-platform/pool": "edge"})
        lines = [
            event("create", NODE_GROUP, "edge", new={"inputs": edge}),
            event("delete", NODE_GROUP, "gpu", old={"inputs": pool(["g6.xlarge"], 1)}),
        ]
        assert review(*lines).stopped


class TestNothingToCompareWith:
    def test_it_is_said_in_the_first_line(self) -> None:
        new = Review(
            stack="prod", plan=parsed([event("create", CLAIM, new=named("a"))], 0), from_nothing=True
        )
        text = comment(new)
        assert "compared with nothing, 1 created" in text, "it would be read as the stack's own preview"
        assert new.as_json()["from_nothing"] is True

    def test_what_is_allowed_is_named(self) -> None:
        gone = review(event("delete", CLAIM, old=named("outputs")), data_loss_allowed=True)
        (line,) = [line for line in comment(gone).splitlines() if "says that it is meant" in line]
        assert "tts/outputs" in line, "a later push that loses something else would look the same"


def test_a_successor_is_a_word_on_the_change_alone() -> None:
    change = Change(op=Op.DELETE, kind=NODE_GROUP, name="gpu", old=pool(["g6.xlarge"], 1), new={})
    found = meaning(replace(change, succeeded=True))
    assert found is not None
    assert found.weight is Weight.DOWN, "its pods move all the same"
