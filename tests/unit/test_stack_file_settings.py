"""Keys of a settings file, changed in place."""

from typing import Any

import pytest
import yaml

from ops.errors import OpsError
from ops.stack_file import with_settings

NAME = "Pulumi.dev.yaml"
TEXT = """\
# Ours.
config:
    tts-platform:image: acme/cosyvoice:1.4.2   # why this one
    tts-platform:args:
        - --fp16   # half
        - --port
    # About the next one.
    tts-platform:outputsSize: "50Gi"
    other:thing: {secure: v1:abc}

# After it all.
encryptionsalt: v1:salt
"""


def test_a_new_key_is_a_line_after_the_others() -> None:
    changed = with_settings(TEXT, NAME, {"restoreFrom": "a-20251220-0200"})
    line = "    tts-platform:restoreFrom: a-20251220-0200\n"
    assert changed == TEXT.replace("{secure: v1:abc}\n", "{secure: v1:abc}\n" + line)
    assert with_settings(changed, NAME, {"restoreFrom": None}) == TEXT, "taken out, it is as it was"


def test_a_value_changes_and_its_comment_stays() -> None:
    changed = with_settings(TEXT, NAME, {"image": "acme/cosyvoice:1.4.1", "outputsSize": "60Gi"})
    assert changed == TEXT.replace("1.4.2", "1.4.1").replace("50Gi", "60Gi")


def test_a_block_is_taken_out_without_its_neighbours() -> None:
    changed = with_settings(TEXT, NAME, {"args": None})
    lines = ("    tts-platform:args:\n", "        - --fp16   # half\n", "        - --port\n")
    expected = TEXT
    for line in lines:
        expected = expected.replace(line, "")
    assert changed == expected, "the comment is the next key's"


@pytest.mark.parametrize(
    "value",
    ["x", "0o17", "yes", "a: b", "a # b", "", "1", "it's \"so\"", "zwölf", ["--a", "b c"], {"A": "1", "B": "on"}],
)  # fmt: skip
@pytest.mark.parametrize("key", ["image", "args", "outputsSize", "inference"])
@pytest.mark.parametrize("text", [TEXT, TEXT.replace("\n", "\r\n"), "", "config: {}\n", "config:\n", "a: 1"])
def test_what_is_set_is_what_is_read(text: str, key: str, value: Any) -> None:
    before = yaml.safe_load(text) or {}
    changed = with_settings(text, NAME, {key: value})
    after = yaml.safe_load(changed)
    assert after["config"] == {**(before.get("config") or {}), f"tts-platform:{key}": value}
    assert {**after, "config": None} == {**before, "config": None}
    assert [line for line in text.splitlines() if "#" in line and "half" not in line] == [
        line for line in changed.splitlines() if "#" in line and "half" not in line and "a # b" not in line
    ] or key == "image", "no comment is lost"


def test_a_literal_block_is_replaced_whole() -> None:
    text = "config:\n  tts-platform:acmeCa: |\n    one\n    two\n\n  tts-platform:domain: a.b\n"
    assert with_settings(text, NAME, {"acmeCa": "x"}) == (
        "config:\n  tts-platform:acmeCa: x\n\n  tts-platform:domain: a.b\n"
    )
    assert with_settings(text, NAME, {"acmeCa": None}) == "config:\n\n  tts-platform:domain: a.b\n"


def test_what_cannot_be_done_in_place_is_left_to_the_person() -> None:
    text = "config: {'tts-platform:image': a:1, 'tts-platform:args': [a]}\n"
    with pytest.raises(OpsError, match=r"Pulumi\.dev\.yaml: take tts-platform:args out by hand"):
        with_settings(text, NAME, {"args": None})
    with pytest.raises(OpsError, match="write tts-platform:restoreFrom on a line of its own"):
        with_settings(text, NAME, {"restoreFrom": "a"})


def test_no_yaml_is_said_in_one_line() -> None:
    with pytest.raises(OpsError, match=r"Pulumi\.dev\.yaml is not YAML") as refused:
        with_settings("config: [", NAME, {"restoreFrom": "a"})
    assert "\n" not in str(refused.value)


def test_a_key_that_is_not_there_is_out_already() -> None:
    assert with_settings(TEXT, NAME, {"restoreFrom": None}) == TEXT
