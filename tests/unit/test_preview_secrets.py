"""What was plain and becomes secret is shown by no comment: the very change that repairs a leak would publish it."""

import json
from typing import Any

import pytest

from ops.preview.comment import comment
from ops.preview.difference import SECRET as HIDDEN
from ops.preview.difference import differences
from tests.support.previews import SECRET, event, named, review

CREDENTIALS = "kubernetes:core/v1:Secret"
CONFIG = "kubernetes:core/v1:ConfigMap"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"token": "hunter2"}, {"token": SECRET}),
        ({"token": "hunter2"}, SECRET),
        (SECRET, {"token": "hunter2"}),
        ({"token": SECRET}, {"token": "hunter2"}),
        ({"token": SECRET}, "hunter2"),
    ],
    ids=["a value", "its parent", "a parent opened", "a value opened", "a value becomes its parent"],
)
def test_one_side_is_enough(before: Any, after: Any) -> None:
    line = event("update", CONFIG, old=named("it", data=before), new=named("it", data=after))
    told = review(line)
    text = comment(told) + json.dumps(told.as_json())
    assert "hunter2" not in text, "it is public before anybody has read the change"
    assert HIDDEN in text, "that it changes is what is to be reviewed"


@pytest.mark.parametrize("key", ["data", "stringData"])
@pytest.mark.parametrize("op", ["create", "update", "replace"])
def test_a_secret_is_one_whether_or_not_somebody_has_marked_it(op: str, key: str) -> None:
    states: dict[str, Any] = {"new": named("it", **{key: {"token": "hunter3"}})}
    if op != "create":
        states["old"] = named("it", **{key: {"token": "hunter2"}})
    told = review(event(op, CREDENTIALS, **states))
    text = comment(told) + json.dumps(told.as_json())
    assert "hunter" not in text, (
        "an upstream's manifest is made as it stands, and nothing marks what is in it"
    )
    assert f"{key}.token" in text


def test_what_is_beside_a_secret_is_shown() -> None:
    old, new = {"data": {"a": HIDDEN, "b": "1"}}, {"data": {"a": HIDDEN, "b": "2"}}
    (leaf,) = differences(old, new, {})
    assert (leaf.path, leaf.before, leaf.after) == ("data.b", "1", "2"), "nobody could review it"
