"""What costs money says whose it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.model import Resource, Rule, Settings, is_known

_LAUNCHED: Final = ("instance", "volume")
"""What AWS makes from a launch template, and the provider's default tags never reach."""


def _missing(tags: Mapping[str, Any], settings: Settings) -> list[str]:
    return [key for key in settings["tags"] if key not in tags or (is_known(tags[key]) and not tags[key])]


def _default_tags(provider: Mapping[str, Any]) -> Mapping[str, Any]:
    defaults: Any = provider.get("defaultTags") or {}
    # A provider has its properties as JSON.
    parsed: Mapping[str, Any] = json.loads(defaults) if isinstance(defaults, str) else defaults
    return parsed.get("tags") or {}


def _check_default(resource: Resource, settings: Settings) -> Iterator[str]:
    if missing := _missing(_default_tags(resource.provider or {}), settings):
        yield f"Its provider gives it no tag {', '.join(missing)}."


def _check_launched(template: Resource, settings: Settings) -> Iterator[str]:
    specifications = template.properties.get("tagSpecifications") or ()
    for kind in _LAUNCHED:
        tags: dict[str, Any] = {}
        for specification in specifications:
            if specification.get("resourceType") == kind:
                tags.update(specification.get("tags") or {})
        if missing := _missing(tags, settings):
            yield f"Each {kind} that it starts lacks the tag {', '.join(missing)}."


_TAGS: Final = {"tags": ("project", "stack", "owner")}
_ABOUT: Final = {"tags": "Keys of the tags."}

RULES: Final = (
    Rule(
        name="default-tags",
        says="Everything on AWS is made by a provider whose default tags name project, stack and owner.",
        reason="A bill that nobody can assign is paid for ever, and what is left of a stack is not found.",
        fix="Make it through the provider of components/aws_account.py: a parent or a provider option is missing.",
        types=lambda type_: type_.startswith("aws:"),
        check=_check_default,
        settings=_TAGS,
        settings_about=_ABOUT,
    ),
    Rule(
        name="launch-template-tags",
        says="A launch template tags the instances and volumes that it starts.",
        reason="The provider's default tags never reach them, and GPUs are the most of the bill.",
        fix="Add tagSpecifications for instance and volume, as components/launch_template.py does.",
        types=lambda type_: type_ == "aws:ec2/launchTemplate:LaunchTemplate",
        check=_check_launched,
        settings=_TAGS,
        settings_about=_ABOUT,
    ),
)
