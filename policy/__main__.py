"""The pack, as the engine starts it: every rule as a policy, every resource as plain data."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# The engine runs this directory, not a package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from google.protobuf import json_format
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
    proxy,
)
from pulumi_policy import policy as sdk
from pulumi_policy.deserialize import serialize_properties

from policy.evaluate import stack_violations, violations
from policy.model import UNKNOWN, Resource, Rule
from policy.rules import RULES

_UNKNOWN = frozenset(
    {
        proxy.UNKNOWN_ARCHIVE_VALUE,
        proxy.UNKNOWN_ARRAY_VALUE,
        proxy.UNKNOWN_ASSET_VALUE,
        proxy.UNKNOWN_BOOLEAN_VALUE,
        proxy.UNKNOWN_NUMBER_VALUE,
        proxy.UNKNOWN_OBJECT_VALUE,
        proxy.UNKNOWN_STRING_VALUE,
    }
)


def _without_schemas(message: Any) -> Any:
    """Properties as plain data, those of a CRD without its schema."""
    if "kind" in message.fields and message.fields["kind"].string_value == "CustomResourceDefinition":
        return {"kind": "CustomResourceDefinition"}
    return json_format.MessageToDict(message)


# The SDK takes every resource apart anew for every rule. With the upstreams' CRDs, at which no rule looks, a preview of
# prod takes half a minute longer.
sdk.json_format = SimpleNamespace(MessageToDict=_without_schemas)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return UNKNOWN if isinstance(value, str) and value in _UNKNOWN else value


def _properties(proxied: Any) -> Any:
    # The properties of the SDK raise where a value is unknown, and the rule with them: the text of it goes on.
    return _plain(serialize_properties(proxied))


_declared: dict[str, Any] = {}
"""The inputs of each resource, by URN. For a whole stack the SDK has outputs, and in a preview there are none yet."""


def _resource_policy(rule: Rule) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        _declared[args.urn] = args.props
        if not rule.types(args.resource_type):
            return
        resource = Resource(
            type=args.resource_type,
            name=args.name,
            urn=args.urn,
            properties=_properties(args.props),
            protect=args.opts.protect,
            provider=_properties(args.provider.props) if args.provider else None,
        )
        for message in violations(rule, resource, args.get_config()):
            report(message, None)

    return ResourceValidationPolicy(
        name=rule.name,
        description=rule.says,
        validate=validate,
        enforcement_level=EnforcementLevel(rule.level.value),
        config_schema=_schema(rule),
    )


def _stack_policy(rule: Rule) -> Policy:
    def resource(item: PolicyResource) -> Resource:
        dependencies = [*item.dependencies]
        for several in item.property_dependencies.values():
            dependencies += several
        return Resource(
            type=item.resource_type,
            name=item.name,
            urn=item.urn,
            properties=_properties(_declared.get(item.urn, item.props)),
            protect=item.opts.protect,
            dependencies={other.urn for other in dependencies},
        )

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        looked_at = [resource(item) for item in args.resources if rule.types(item.resource_type)]
        for found, message in stack_violations(rule, looked_at, args.get_config()):
            report(message, found.urn)

    return StackValidationPolicy(
        name=rule.name,
        description=rule.says,
        validate=validate,
        enforcement_level=EnforcementLevel(rule.level.value),
        config_schema=_schema(rule),
    )


def _schema(rule: Rule) -> PolicyConfigSchema | None:
    if not rule.settings:
        return None
    properties = {
        key: {
            "type": "array",
            "items": {"type": "string"},
            "default": list(default),
            "description": rule.settings_about[key],
        }
        for key, default in rule.settings.items()
    }
    return PolicyConfigSchema(properties)


PolicyPack(
    name="tts-platform",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[_resource_policy(rule) if rule.check else _stack_policy(rule) for rule in RULES],
)
