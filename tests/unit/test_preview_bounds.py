"""A comment is taken by GitHub, and speaks with its own voice, whatever is in the change."""

import json

import pytest

from ops.preview.comment import LIMIT, comment
from ops.preview.markdown import bounded
from ops.preview.plan import Change, Op
from tests.support.previews import PROXY, event, named, review


def said_by_policy(text: str, level: str) -> str:
    found = {
        "policyName": text,
        "enforcementLevel": level,
        "resourceUrn": f"urn:{text}",
        "message": text,
    }
    return json.dumps({"policyEvent": found})


@pytest.mark.parametrize("letter", ["@", "ü", "語", "x"])
def test_a_head_full_of_strangers_words_fits(letter: str) -> None:
    words = letter * 500
    lines = [said_by_policy(words, level) for level in ("mandatory", "advisory") for _ in range(16)]
    lines += [
        json.dumps({"diagnosticEvent": {"severity": severity, "message": letter * 50_000}})
        for severity in ("error", "warning")
    ]
    lines += [event("delete", PROXY, old=named(f"{n}{words}")) for n in range(60)]
    text = comment(review(*lines, code=255))
    assert len(text.encode()) < LIMIT, (
        "GitHub would refuse it, and those of the other stacks would wait behind it"
    )
    assert text.count("<details>") == text.count("</details>")
    assert "Policies that refuse it" in text, "the reason is what cannot be left out"


def test_a_part_that_is_left_out_is_counted() -> None:
    lines = [
        json.dumps({"diagnosticEvent": {"severity": severity, "message": "語" * 50_000}})
        for severity in ("error", "warning")
    ]
    lines += [said_by_policy("@" * 500, level) for level in ("mandatory", "advisory") for _ in range(16)]
    text = comment(review(*lines, code=255))
    assert "do not fit here" in text, "a reader would take what is there for all of it"
    assert "make preview STACK" in text


@pytest.mark.parametrize("text", ["@" * 500, "語" * 500, "a", ""])
def test_a_bound_is_in_bytes_of_what_is_written(text: str) -> None:
    assert len(bounded(text, 1_000).encode()) <= 1_000


def test_a_kind_is_never_markup() -> None:
    kind = "x</summary>\n\n@acme/all ![](//evil.example)"
    change = Change(op=Op.DELETE, kind=f"kubernetes:v1:{kind}", name="it", old={"kind": kind}, new={})
    text = comment(review(delivered=(change,)))
    for active in ("@acme", "](", "</summary>\n\n@"):
        assert active not in text, "whoever writes a manifest would speak with the bot's voice"
