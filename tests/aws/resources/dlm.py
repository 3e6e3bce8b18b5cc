"""Data Lifecycle Manager's policies for snapshots of volumes."""

from collections.abc import Mapping
from typing import Any

from tests.aws.resources.kind import (
    Block,
    Call,
    Converted,
    Field,
    Inputs,
    Kind,
    Unrehearsed,
    as_list,
    fields_of,
    known,
    parameters,
    tag_list,
    tags_gone,
    unknown_properties,
)

_AGE = fields_of("count", "interval", "intervalUnit")
_SHARE = fields_of("targetAccounts", "unshareInterval", "unshareIntervalUnit")


def _share(rule: Mapping[str, Any]) -> list[dict[str, Any]]:
    for path in unknown_properties(_SHARE, rule, "shareRule"):
        raise Unrehearsed(f"property {path} is not rehearsed")
    return [parameters(_SHARE, rule)]


_COPY: dict[str, Field] = {
    **fields_of("cmkArn", "copyTags", "encrypted", "target", "targetRegion"),
    "retainRule": Block("RetainRule", fields_of("interval", "intervalUnit")),
}
_ARCHIVE = {
    "archiveRetainRule": Block("RetainRule", {"retentionArchiveTier": Block("RetentionArchiveTier", _AGE)})
}
_SCHEDULE: dict[str, Field] = {
    **fields_of("copyTags", "name"),
    "archiveRule": Block("ArchiveRule", _ARCHIVE),
    "createRule": Block(
        "CreateRule",
        {
            **fields_of("cronExpression", "interval", "intervalUnit", "location"),
            "times": Converted("Times", as_list),
        },
    ),
    "crossRegionCopyRules": Block("CrossRegionCopyRules", _COPY),
    "retainRule": Block("RetainRule", _AGE),
    "shareRule": Converted("ShareRules", _share),
    "tagsToAdd": Converted("TagsToAdd", tag_list),
}
_DETAILS: dict[str, Field] = {
    **fields_of("policyType", "resourceTypes"),
    "schedules": Block("Schedules", _SCHEDULE),
    "targetTags": Converted("TargetTags", tag_list),
}


class LifecyclePolicy(Kind):
    resource_type = "aws:dlm/lifecyclePolicy:LifecyclePolicy"
    fields = known(
        {
            **fields_of("description", "executionRoleArn", "state"),
            "policyDetails": Block("PolicyDetails", _DETAILS),
        }
    )
    # As the provider has it: also where a further schedule brings the property.
    replaces = frozenset({"policyDetails.schedules.copyTags"})
    computed = ("arn",)
    tagged = True

    def create(self, call: Call) -> str:
        request = {"State": "ENABLED", **parameters(self.fields, call.inputs)}
        return str(call.client("dlm").create_lifecycle_policy(**request, Tags=call.tags)["PolicyId"])

    def read(self, call: Call) -> Inputs:
        return {"arn": call.client("dlm").get_lifecycle_policy(PolicyId=call.id)["Policy"]["PolicyArn"]}

    def update(self, call: Call) -> None:
        dlm = call.client("dlm")
        request = parameters(
            self.fields, {name: call.inputs[name] for name in self.fields if call.changed(name)}
        )
        if request:
            dlm.update_lifecycle_policy(PolicyId=call.id, **request)
        if gone := tags_gone(call):
            dlm.untag_resource(ResourceArn=call.state["arn"], TagKeys=gone)
        if call.tags:
            dlm.tag_resource(ResourceArn=call.state["arn"], Tags=call.tags)

    def delete(self, call: Call) -> None:
        call.client("dlm").delete_lifecycle_policy(PolicyId=call.id)


ALL: list[Kind] = [LifecyclePolicy()]
