"""What a preview's events say, what that means, and how it is told."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ops.preview import costs as prices
from ops.preview.comment import LIMIT, comment, marker
from ops.preview.costs import costs
from ops.preview.effects import TABLE
from ops.preview.gate import REFUSED, stopped
from ops.preview.markdown import code, escaped, fenced
from ops.preview.meaning import meaning
from ops.preview.plan import Change, Op, Plan, parsed
from ops.preview.review import Review
from ops.preview.rows import Weight

ROOT = Path(__file__).parents[2]

CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
PROXY = "kubernetes:projectcontour.io/v1:HTTPProxy"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
POOL = "aws:eks/nodeGroup:NodeGroup"
GPU = {"tts-platform/pool": "gpu"}

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "hunter2"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def event(op: str, kind: str, name: str = "it", **step: Any) -> str:
    urn = f"urn:pulumi:prod::tts-platform::{kind}::{name}"
    states = {key: {"custom": True, **step.pop(key)} for key in ("old", "new") if key in step}
    return json.dumps(
        {"resourcePreEvent": {"metadata": {"op": op, "urn": urn, "type": kind, **states, **step}}}
    )


def named(name: str, **inputs: Any) -> dict[str, Any]:
    return {"inputs": {"metadata": {"name": name, "namespace": "tts"}, **inputs}}


def pool(types: list[str], nodes: int, **inputs: Any) -> dict[str, Any]:
    scaling = {"minSize": 0, "desiredSize": nodes, "maxSize": 4}
    return {"instanceTypes": types, "scalingConfig": scaling, "labels": GPU, **inputs}


def review(*lines: str, code: int = 0, **more: Any) -> Review:
    return Review(stack="prod", plan=parsed(lines, code), **more)


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


class TestCosts:
    def test_other_instances(self) -> None:
        old, new = pool(["g6.xlarge"], 2, capacityType="SPOT"), pool(["g6.2xlarge"], 2)
        found = costs([Change(op=Op.REPLACE, kind=POOL, name="gpu", old=old, new=new)])
        expected = (Decimal("0.9776") - Decimal("0.8048") * Decimal("0.4")) * 2 * 730
        assert found.difference == expected

    def test_an_instance_without_a_price_is_named(self) -> None:
        old, new = pool(["g6.xlarge"], 1), pool(["p5.48xlarge"], 1)
        found = costs([Change(op=Op.UPDATE, kind=POOL, name="gpu", old=old, new=new)])
        assert found.unpriced == ("gpu (p5.48xlarge)",), "nothing said would be read as nothing paid"
        assert not found.lines

    def test_the_page_has_the_same_prices(self) -> None:
        page = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
        assert f"published on {prices.AS_OF}" in page
        for name, price in prices.INSTANCES.items():
            assert f"| `{name}` | {price} |" in page, "a comment would contradict the page that it points to"
        rows = {
            "EKS control plane": prices.HOURLY["aws:eks/cluster:Cluster"],
            "NAT gateways": prices.HOURLY["aws:ec2/natGateway:NatGateway"],
            "public addresses": prices.HOURLY["aws:ec2/eip:Eip"],
            "network load balancer": prices.HOURLY["aws:lb/loadBalancer:LoadBalancer"],
            "outputs, prod": prices.STORAGE["tts-efs"],
            "outputs, dev": prices.STORAGE["tts-ebs-gp3"],
        }
        for item, price in rows.items():
            (line,) = [line for line in page.splitlines() if line.startswith(f"| {item}")]
            assert f" {price} " in line, f"{item}: {line}"


class TestComment:
    def test_the_verdict_is_the_first_line_that_is_shown(self) -> None:
        lines = [
            event("create", PROXY, "a", new=named("a")),
            event("update", PROXY, "b", old=named("b"), new=named("b")),
            event("replace", PROXY, "c", old=named("c"), new=named("c")),
            event("delete", PROXY, "d", old=named("d")),
        ]
        first, _, second = comment(review(*lines)).splitlines()[:3]
        assert first == marker("prod") == "<!-- tts-platform preview: prod -->"
        assert second == "### <code>prod</code>: 1 created, 1 changed, **1 replaced**, **1 deleted**"

    def test_the_worst_comes_first(self) -> None:
        lines = [
            event("update", PROXY, old=named("a"), new=named("a")),
            event("delete", CLAIM, old=named("outputs")),
            event("delete", PROXY, old=named("b")),
        ]
        assert [means.weight for means in review(*lines).meanings()] == [
            Weight.DATA,
            Weight.DOWN,
            Weight.NOTE,
        ]

    def test_it_fits_however_large_the_change_is(self) -> None:
        def many(text: str) -> dict[str, Any]:
            return {f"key-{number}": text * 400 for number in range(300)}

        lines = [
            event(
                "delete" if number % 2 else "update",
                CLAIM,
                old=named(f"ü{number}", **many("ä")),
                new=named(f"ü{number}", **many("ö")),
            )
            for number in range(400)
        ]
        large = review(*lines)
        delivered = replace_stack(large)
        text = comment(delivered)
        assert len(text.encode()) < LIMIT, "GitHub would refuse it, and there would be no comment at all"
        assert "are left out here" in text
        assert "make preview STACK" in text, "what is not shown can be had otherwise"
        assert text.count("<details>") == text.count("</details>"), (
            "the page's rest would be folded away with it"
        )

    def test_a_large_resource_leaves_room_for_the_others(self) -> None:
        large = {f"key-{number}": "x" * 150 for number in range(10_000)}
        lines = [
            event("update", PROXY, old=named(f"large-{n}"), new=named(f"large-{n}", **large))
            for n in range(3)
        ]
        lines += [event("create", PROXY, new=named(f"route-{n}", spec="a")) for n in range(90)]
        text = comment(review(*lines))
        assert len(text.encode()) < LIMIT
        assert all(f"route-{n}<" in text for n in range(90)), "what is not even named is merged unseen"

    def test_long_names_of_every_kind_fit_as_well(self) -> None:
        kinds = sorted(TABLE)
        lines = [
            event("delete", kind, "@" * 250 + str(n), old={"inputs": {}}) for kind in kinds for n in range(20)
        ]
        text = comment(review(*lines))
        assert len(text.encode()) < LIMIT
        for kind in ("PersistentVolumeClaim", "FileSystem"):
            assert kind in text, "what loses data is named before anything else"

    def test_a_long_reason_fits_as_well(self) -> None:
        said = json.dumps({"diagnosticEvent": {"severity": "error", "message": "x" * 100_000}})
        assert len(comment(review(said, code=1)).encode()) < LIMIT

    @pytest.mark.parametrize(
        "text",
        [
            "```\n# no longer code",
            "</code></details><script>alert(1)</script>",
            "@acme/everyone",
            "[a link](https://evil.example)",
            "www.evil.example",
            "<!-- tts-platform preview: dev -->",
            ":tada: **bold** #12",
        ],
    )
    def test_a_value_is_never_markup(self, text: str) -> None:
        line = event("update", PROXY, old=named(text, spec="a"), new=named(text, spec=text))
        shown = comment(review(line))
        fences = [
            line for line in shown.splitlines() if set(line.removesuffix("diff")) == {"`"} and len(line) > 2
        ]
        assert len(fences) == 2, "what follows the block would be taken for the comment's own"
        outside = shown.partition(fences[0])[0] + shown.rpartition(fences[1])[2]
        for active in ("@acme", "<script", "](", "www.", ":tada:", "**bold", "#12", "preview: dev"):
            assert active not in outside, "somebody's text would speak with the comment's voice"

    def test_a_fence_is_longer_than_any_in_it(self) -> None:
        assert fenced(["a", "`````"]).startswith("``````\n")

    def test_code_is_readable_as_it_stands(self) -> None:
        assert code("tts/outputs") == "<code>tts/outputs</code>"
        assert escaped("a\nb") == "a b", "a new line would end the item"


def replace_stack(large: Review) -> Review:
    """The same change once more, by Argo CD."""
    return Review(stack=large.stack, plan=large.plan, delivered=large.plan.changes)


def test_an_empty_plan_says_so() -> None:
    assert "nothing changes" in comment(Review(stack="prod", plan=Plan()))
