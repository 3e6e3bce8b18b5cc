"""A stack's settings file, `Pulumi.<stack>.yaml`, read without the engine, and its image changed in place."""

from __future__ import annotations

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
        names = sorted(item.name.split(".")[1] for item in root.glob("Pulumi.*.yaml"))
        raise OpsError(f"There is no stack {stack}: write one of {', '.join(names)}.")
    return file


def read(
    root: Path, stack: str, existing: Mapping[str, ExistingClaim] | None = None, **instead: str
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


def with_image(text: str, name: str, new: str) -> str:
    """The text with another image, and every other character as it was."""
    node = _image_node(text, name)
    quote = node.style if node.style in ("'", '"') else ""
    changed = f"{text[: node.start_mark.index]}{quote}{new}{quote}{text[node.end_mark.index :]}"
    expected = yaml.safe_load(text)
    expected["config"][_IMAGE] = new
    try:
        exact = yaml.safe_load(changed) == expected
    except yaml.YAMLError:
        exact = False
    if not exact:
        raise OpsError(f"{name}: write {_IMAGE} on a line of its own, without quotes: {_IMAGE}: {new}.")
    return changed


def _image_node(text: str, name: str) -> yaml.ScalarNode:
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _no_yaml(name, error) from None
    for key, config in _entries(document):
        for setting, value in _entries(config) if key == "config" else ():
            if setting == _IMAGE and isinstance(value, yaml.ScalarNode):
                return value
    raise OpsError(f"{name} sets no image: write {_IMAGE} into it.")


def _entries(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key.value, value


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
