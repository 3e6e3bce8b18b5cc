"""What is hung onto a node group's autoscaling group."""

from typing import Any

from tests.aws.resources.kind import HANDLED, Call, Gone, Inputs, Kind, handled, known


class Attachment(Kind):
    resource_type = "aws:autoscaling/attachment:Attachment"
    fields = known({"autoscalingGroupName": HANDLED, "lbTargetGroupArn": HANDLED})
    updates = False

    def _request(self, call: Call) -> dict[str, Any]:
        return {
            "AutoScalingGroupName": call.inputs["autoscalingGroupName"],
            "TargetGroupARNs": [call.inputs["lbTargetGroupArn"]],
        }

    def create(self, call: Call) -> str:
        self._found(call)
        call.client("autoscaling").attach_load_balancer_target_groups(**self._request(call))
        return f"{call.inputs['autoscalingGroupName']}-{call.inputs['lbTargetGroupArn']}"

    def _found(self, call: Call) -> list[str]:
        groups = call.client("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=[call.inputs["autoscalingGroupName"]]
        )["AutoScalingGroups"]
        if not groups:
            raise Gone(f"no autoscaling group {call.inputs['autoscalingGroupName']}")
        return list(groups[0]["TargetGroupARNs"])

    def read(self, call: Call) -> Inputs:
        if call.inputs["lbTargetGroupArn"] not in self._found(call):
            raise Gone
        return {}

    def delete(self, call: Call) -> None:
        self._found(call)
        call.client("autoscaling").detach_load_balancer_target_groups(**self._request(call))


class Schedule(Kind):
    resource_type = "aws:autoscaling/schedule:Schedule"
    fields = handled(
        "autoscalingGroupName",
        "desiredCapacity",
        "endTime",
        "maxSize",
        "minSize",
        "recurrence",
        "scheduledActionName",
        "startTime",
        "timeZone",
    )
    replaces = frozenset({"autoscalingGroupName", "scheduledActionName"})
    computed = ("arn",)

    def create(self, call: Call) -> str:
        self.update(call)
        return str(call.inputs["scheduledActionName"])

    def update(self, call: Call) -> None:
        request = {
            name[0].upper() + name[1:]: value for name, value in call.inputs.items() if name != "region"
        }
        request["AutoScalingGroupName"] = request.pop("AutoscalingGroupName")
        # The real provider's way to say: leave this one alone.
        request = {name: value for name, value in request.items() if value != -1}
        call.client("autoscaling").put_scheduled_update_group_action(**request)

    def read(self, call: Call) -> Inputs:
        found = call.client("autoscaling").describe_scheduled_actions(
            AutoScalingGroupName=call.inputs["autoscalingGroupName"],
            ScheduledActionNames=[call.inputs["scheduledActionName"]],
        )["ScheduledUpdateGroupActions"]
        if not found:
            raise Gone
        return {"arn": found[0].get("ScheduledActionARN") or "arn:aws:autoscaling:unknown"}

    def delete(self, call: Call) -> None:
        call.client("autoscaling").delete_scheduled_action(
            AutoScalingGroupName=call.inputs["autoscalingGroupName"],
            ScheduledActionName=call.inputs["scheduledActionName"],
        )


ALL: list[Kind] = [Attachment(), Schedule()]
