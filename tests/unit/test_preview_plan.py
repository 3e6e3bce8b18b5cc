"""What a preview's events say."""

import json
from typing import Any

from ops.preview.comment import comment
from ops.preview.gate import stopped
from ops.preview.plan import Op, parsed
from tests.support.previews import (
    CLAIM,
    DEPLOYMENT,
    POOL,
    PROXY,
    SECRET,
    UNKNOWN,
    event,
    named,
    pool,
    review,
)


class TestPlan:
    def test_a_replacement_is_one_change(self) -> None:
        states: dict[str, Any] = {"old": named("outputs"), "new": named("outputs")}
        lines = [
            event("create-replacement", CLAIM, **states),
            event("replace", CLAIM, keys=["spec.storageClassName"], **states),
            event("delete-replaced", CLAIM, **states),
        ]
        (change,) = parsed(lines, 0).changes
        assert (change.op, change.name, change.reasons) == (
            Op.REPLACE,
            "tts/outputs",
            ("spec.storageClassName",),
        )
        assert not change.deleted_first

    def test_one_that_goes_before_its_successor_comes(self) -> None:
        states: dict[str, Any] = {
            "old": {"inputs": pool(["g6.xlarge"], 1)},
            "new": {"inputs": pool(["g6.xlarge"], 1)},
        }
        lines = [event(op, POOL, **states) for op in ("delete-replaced", "replace", "create-replacement")]
        (change,) = parsed(lines, 0).changes
        assert change.deleted_first
        assert stopped([change]), "no GPU is left until the new nodes are there"

    def test_what_is_the_same_or_only_groups_others_is_no_change(self) -> None:
        lines = [
            event("same", CLAIM, old=named("outputs"), new=named("outputs")),
            event("update", "tts-platform:tts:Storage", old={"custom": False}, new={"custom": False}),
            event("update", "pulumi:providers:kubernetes", old={}, new={}),
        ]
        assert parsed(lines, 0).changes == (), "a reader looks for what is not there"

    def test_a_replaced_provider_takes_everything_along(self) -> None:
        (change,) = parsed([event("replace", "pulumi:providers:kubernetes", old={}, new={})], 0).changes
        assert stopped([change])

    def test_only_what_differs_is_shown(self) -> None:
        old = named("speech", spec={"replicas": 2, "paused": False}, __fieldManager="x")
        new = named("speech", spec={"replicas": 3, "paused": False}, __fieldManager="y")
        (change,) = parsed([event("update", DEPLOYMENT, old=old, new=new)], 0).changes
        assert [(leaf.path, leaf.before, leaf.after) for leaf in change.leaves] == [
            ("spec.replicas", "2", "3")
        ]

    def test_a_name_that_the_provider_makes_up_anew_is_noise(self) -> None:
        old, new = (
            {"inputs": pool([kind], 1, nodeGroupName=f"gpu-{end}")}
            for kind, end in (("a", "0a1b2c3"), ("b", "f0e1d2c"))
        )
        (change,) = parsed([event("replace", POOL, old=old, new=new)], 0).changes
        assert [leaf.path for leaf in change.leaves] == ["instanceTypes[0]"], (
            "it is another one in every preview"
        )

    def test_a_value_that_only_an_update_brings(self) -> None:
        old, new = named("speech", spec={"ip": "1.2.3.4"}), named("speech", spec={"ip": UNKNOWN})
        (change,) = parsed([event("update", DEPLOYMENT, old=old, new=new)], 0).changes
        assert change.leaves[0].after == "[known after the update]"

    def test_a_secret_is_said_to_change_and_never_shown(self) -> None:
        states: dict[str, Any] = {"old": named("token", data=SECRET), "new": named("token", data=SECRET)}
        differs = {"data.password": {"diffKind": "update"}}
        line = event("update", "kubernetes:core/v1:Secret", detailedDiff=differs, **states)
        text = comment(review(line))
        assert "data.password" in text, "that it changes is what is to be reviewed"
        assert "hunter2" not in text
        assert "hunter2" not in json.dumps(review(line).as_json())

    def test_a_secret_is_not_shown_where_it_is_new(self) -> None:
        text = comment(review(event("create", "kubernetes:core/v1:Secret", new=named("token", data=SECRET))))
        assert "+ data: [secret]" in text
        assert "\n- " not in text.partition("```diff")[2], "there was nothing before it"
        assert "hunter2" not in text

    def test_a_failure_has_its_reason(self) -> None:
        said = {
            "diagnosticEvent": {
                "severity": "error",
                "message": "<{%reset%}>Pulumi.prod.yaml: 1 problem<{%reset%}>",
            }
        }
        plan = parsed([json.dumps(said)], 255)
        assert (plan.failed, plan.errors) == (True, ("Pulumi.prod.yaml: 1 problem",))

    def test_a_failure_before_the_engine_begins(self) -> None:
        plan = parsed([], 255, "error: no stack named 'prod' found\n")
        assert plan.errors == ("error: no stack named 'prod' found",)
        assert parsed([], 255).errors == ("pulumi ended with exit code 255.",), (
            "a failure without a word of it"
        )

    def test_what_a_policy_says(self) -> None:
        said = {
            "policyName": "no-latest",
            "enforcementLevel": "mandatory",
            "resourceUrn": "urn:pulumi:prod::p::t::speech",
            "message": "<{%reset%}>latest moves<{%reset%}>",
        }
        refused = review(json.dumps({"policyEvent": said}), event("create", PROXY, new=named("a")), code=255)
        text = comment(refused)
        assert "<code>prod</code>: **refused by a policy**, 1 created" in text, (
            "what it would change is known"
        )
        assert "- <code>speech</code> no-latest: latest moves" in text
        assert "Nothing can be said" not in text
        assert (refused.code, refused.refusal) == (1, "A policy refuses prod.")

    def test_advice_refuses_nothing(self) -> None:
        said = {"policyName": "tags", "enforcementLevel": "advisory", "message": "no owner"}
        advised = review(json.dumps({"policyEvent": said}))
        assert advised.code == 0
        assert "Policies that advise against it" in comment(advised)
