"""How a preview is told."""

import json
from typing import Any

import pytest

from ops.preview.comment import LIMIT, comment, marker
from ops.preview.effects import TABLE
from ops.preview.markdown import code, escaped, fenced
from ops.preview.plan import Plan
from ops.preview.review import Review
from ops.preview.rows import Weight
from tests.support.previews import (
    CLAIM,
    PROXY,
    event,
    named,
    review,
)


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
        assert "Left out here: " in text
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
