"""A stack's settings file, `Pulumi.<stack>.yaml`, read without the engine, and its keys changed in place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ops.errors import OpsError
from stacks.load import load
from stacks.problems import NAMESPACE
from stacks.settings import ExistingClaim, Stack

_ENCRYPTED = "(encrypted)"
"""Stands for a secret's value, which takes the stack's passphrase or key. No object of the service is made of one."""

_IMAGE = f"{NAMESPACE}:image"


def path(root: Path, stack: str) -> Path:
    """The stack's file in a checkout. Raises OpsError where the checkout has no such stack."""
    file = root / f"Pulumi.{stack}.yaml"
    if not file.exists():
        raise OpsError(f"There is no stack {stack}: write one of {', '.join(names(root))}.")
    return file


def names(root: Path) -> list[str]:
    """Names of all stacks of a checkout."""
    return sorted(file.name.split(".")[1] for file in root.glob("Pulumi.*.yaml"))


def read(
    root: Path, stack: str, existing: Mapping[str, ExistingClaim] | None = None, **instead: Any
) -> Stack:
    """The stack as the program would load it; `existing` are the claims that it has, `instead` goes over its keys.

    Raises SettingsError where the program would refuse the settings.
    """
    declared = parsed(root / "Pulumi.yaml")["config"]
    defaults = {key: item.get("default", "") for key, item in declared.items()}
    written = _config(parsed(path(root, stack)))
    values = {key: _as_the_engine_says(value) for key, value in written.items()}
    return load(
        stack, defaults | values | instead, existing or {}, {key for key in written if _secret(written[key])}
    )


def image(text: str, name: str) -> str:
    """The image that a file's text sets."""
    return str(_image_node(text, name).value)


def keys(text: str) -> dict[str, Any]:
    """What a file's text sets, by key; secrets as they are encrypted. Empty where the text is no settings file."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return _config(document) if isinstance(document, dict) else {}


def with_settings(text: str, name: str, settings: Mapping[str, Any]) -> str:
    """The text with other values for these keys, None taking a key out, and every other character as it was."""
    for key, value in settings.items():
        text = _with_setting(text, name, f"{NAMESPACE}:{key}", value)
    return text


def _with_setting(text: str, name: str, setting: str, value: Any) -> str:
    expected = _document(text, name)
    config: dict[str, Any] = dict(expected.get("config") or {})
    there = setting in config
    if not there and value is None:
        return text
    if value is None:
        del config[setting]
        changed = _without(text, name, setting)
    else:
        config[setting] = value
        changed = (_replaced if there else _added)(text, name, setting, value)
    try:
        found = yaml.safe_load(changed) or {}
        exact = {**found, "config": found.get("config") or {}} == {**expected, "config": config}
    except yaml.YAMLError:
        exact = False
    if not exact:
        wanted = f"write {setting} on a line of its own, without quotes: {setting}: {_written(value)}."
        raise OpsError(f"{name}: {wanted if value is not None else f'take {setting} out by hand.'}")
    return changed


def _document(text: str, name: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise _no_yaml(name, error) from None
    if not isinstance(document, dict):
        raise OpsError(f"{name} is no settings file: it has no config.")
    return document


def _replaced(text: str, name: str, setting: str, value: Any) -> str:
    _, node = _setting_nodes(text, name)[setting]
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    quoted = f"{style}{value}{style}" if style in ("'", '"') else ""
    new = quoted if quoted and _means(quoted, value) else _written(value)
    start, end = node.start_mark.index, _end(text, node)
    # A block of several lines begins below its key.
    below = text.rfind("\n", 0, start) + 1
    if text[below:start].strip() == "":
        start = text.rindex(":", 0, below) + 1
        new = f" {new}"
    return f"{text[:start]}{new}{text[end:]}"


def _added(text: str, name: str, setting: str, value: Any) -> str:
    line_end = "\r\n" if "\r\n" in text else "\n"
    nodes = list(_setting_nodes(text, name).values())
    if nodes:
        first, last = nodes[0][0], nodes[-1][1]
        end = _line_end(text, _end(text, last))
        written = f"{' ' * first.start_mark.column}{setting}: {_written(value)}{line_end}"
    else:
        end, written = len(text), f"  {setting}: {_written(value)}{line_end}"
        key = next((key for key, _ in _nodes(text, name) if key.value == "config"), None)
        if key is None:
            written = f"config:{line_end}{written}"
        else:
            end = _line_end(text, key.end_mark.index)
            # An empty mapping in braces is taken off its line.
            return f"{text[: key.end_mark.index]}:{line_end}{written}{text[end:]}"
    separator = "" if not text[:end] or text[:end].endswith("\n") else line_end
    return f"{text[:end]}{separator}{written}{text[end:]}"


def _without(text: str, name: str, setting: str) -> str:
    key, node = _setting_nodes(text, name)[setting]
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    return f"{text[:start]}{text[_line_end(text, _end(text, node)) :]}"


def _line_end(text: str, index: int) -> int:
    """Where the line begins that comes after the one of the last character before `index`."""
    if index and text[index - 1] == "\n":
        return index
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _end(text: str, node: yaml.Node) -> int:
    """Where a value ends; a block's own mark is at whatever comes after it, comments of others included."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    index: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return len(text[:index].rstrip()) if text[:index].strip() else index
    return index


def _written(value: Any) -> str:
    """A value on one line: a text bare where it can be, everything else as JSON, which is YAML too."""
    bare = isinstance(value, str) and _means(value, value)
    return value if bare else json.dumps(value, ensure_ascii=False)


def _means(text: str, value: Any) -> bool:
    try:
        return bool(yaml.safe_load(f"key: {text} # comment") == {"key": value})
    except yaml.YAMLError:
        return False


def _image_node(text: str, name: str) -> yaml.ScalarNode:
    _, node = _setting_nodes(text, name).get(_IMAGE, (None, None))
    if isinstance(node, yaml.ScalarNode):
        return node
    raise OpsError(f"{name} sets no image: write {_IMAGE} into it.")


def _setting_nodes(text: str, name: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Each key under `config` with its value, as they are in the text."""
    config = next((value for key, value in _nodes(text, name) if key.value == "config"), None)
    return {key.value: (key, value) for key, value in _entries(config)}


def _nodes(text: str, name: str) -> list[tuple[yaml.Node, yaml.Node]]:
    try:
        return list(_entries(yaml.compose(text, Loader=yaml.SafeLoader)))
    except yaml.YAMLError as error:
        raise _no_yaml(name, error) from None


def _entries(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from node.value


def parsed(file: Path) -> dict[str, Any]:
    """The document of a project's or a stack's file. Raises OpsError where it is not YAML."""
    try:
        document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise _no_yaml(file.name, error) from None
    return document


def _no_yaml(name: str, error: yaml.YAMLError) -> OpsError:
    where = " ".join(str(error).split())
    return OpsError(f"{name} is not YAML: {where}. Mend the line that it names.")


def _config(document: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{NAMESPACE}:"
    items = (document.get("config") or {}).items()
    return {key.removeprefix(prefix): value for key, value in items if key.startswith(prefix)}


def _as_the_engine_says(value: Any) -> Any:
    """Objects and lists as they are, everything else as text: so the engine hands config to a program."""
    if _secret(value):
        return _ENCRYPTED
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None or isinstance(value, dict | list) else str(value)


def _secret(value: Any) -> bool:
    """Whether a value is encrypted, or has something encrypted in it."""
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(map(_secret, value.values()))
    return isinstance(value, list) and any(map(_secret, value))
