"""CloudWatch's log groups."""

from tests.aws.resources.kind import HANDLED, Call, Gone, Inputs, Kind, known, tags_gone


class LogGroup(Kind):
    resource_type = "aws:cloudwatch/logGroup:LogGroup"
    fields = known(
        {
            "kmsKeyId": "kmsKeyId",
            "logGroupClass": "logGroupClass",
            "name": "logGroupName",
            "retentionInDays": HANDLED,
        }
    )
    replaces = frozenset({"logGroupClass", "name"})
    computed = ("arn",)
    auto_name = "name"
    name_length = 512
    tagged = True

    def create(self, call: Call) -> str:
        request = {
            str(self.fields[key]): call.inputs[key]
            for key in ("kmsKeyId", "logGroupClass", "name")
            if key in call.inputs
        }
        call.client("logs").create_log_group(**request, tags=call.tags)
        call.id = call.inputs["name"]
        self._retain(call)
        return call.id

    def _retain(self, call: Call) -> None:
        if not call.changed("retentionInDays"):
            return
        logs = call.client("logs")
        if call.inputs.get("retentionInDays"):
            logs.put_retention_policy(logGroupName=call.id, retentionInDays=call.inputs["retentionInDays"])
        else:
            logs.delete_retention_policy(logGroupName=call.id)

    def read(self, call: Call) -> Inputs:
        for group in call.client("logs").describe_log_groups(logGroupNamePrefix=call.id)["logGroups"]:
            if group["logGroupName"] == call.id:
                return {"arn": group["arn"].removesuffix(":*")}
        raise Gone

    def update(self, call: Call) -> None:
        logs = call.client("logs")
        self._retain(call)
        if gone := tags_gone(call):
            logs.untag_resource(resourceArn=call.state["arn"], tagKeys=gone)
        if call.tags:
            logs.tag_resource(resourceArn=call.state["arn"], tags=call.tags)

    def delete(self, call: Call) -> None:
        call.client("logs").delete_log_group(logGroupName=call.id)


ALL: list[Kind] = [LogGroup()]
