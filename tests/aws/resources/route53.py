"""Route 53's records: an address by alias, or plain values."""

from typing import Any

from tests.aws.resources.kind import HANDLED, Block, Call, Gone, Inputs, Kind, Unrehearsed, known, parameters


class Record(Kind):
    resource_type = "aws:route53/record:Record"
    regional = False
    fields = known(
        {
            "aliases": Block(
                "AliasTarget",
                {
                    "evaluateTargetHealth": "EvaluateTargetHealth",
                    "name": "DNSName",
                    "zoneId": "HostedZoneId",
                },
            ),
            "allowOverwrite": HANDLED,
            "name": "Name",
            "records": HANDLED,
            "ttl": "TTL",
            "type": "Type",
            "zoneId": HANDLED,
        }
    )
    replaces = frozenset({"name", "type", "zoneId"})
    computed = ("fqdn",)

    def _record(self, inputs: Inputs) -> dict[str, Any]:
        made = parameters(self.fields, inputs)
        if "records" in inputs:
            made["ResourceRecords"] = [{"Value": value} for value in inputs["records"]]
        if "AliasTarget" in made:
            (made["AliasTarget"],) = made["AliasTarget"]
            made["AliasTarget"].setdefault("EvaluateTargetHealth", False)
        return made

    def _change(self, call: Call, action: str, inputs: Inputs) -> None:
        call.client("route53").change_resource_record_sets(
            HostedZoneId=call.inputs["zoneId"],
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": self._record(inputs)}]},
        )

    def create(self, call: Call) -> str:
        zone = call.client("route53").get_hosted_zone(Id=call.inputs["zoneId"])["HostedZone"]["Name"]
        if not f"{call.inputs['name'].rstrip('.')}.".endswith(zone):
            raise Unrehearsed(f"{call.inputs['name']} is not in the zone {zone}")
        self._change(call, "UPSERT" if call.inputs.get("allowOverwrite") else "CREATE", call.inputs)
        return f"{call.inputs['zoneId']}_{call.inputs['name']}_{call.inputs['type']}"

    def update(self, call: Call) -> None:
        self._change(call, "UPSERT", call.inputs)

    def read(self, call: Call) -> Inputs:
        name = f"{call.inputs['name'].rstrip('.')}."
        found = call.client("route53").list_resource_record_sets(HostedZoneId=call.inputs["zoneId"])
        for record in found["ResourceRecordSets"]:
            if (record["Name"], record["Type"]) == (name, call.inputs["type"]):
                return {"fqdn": name.rstrip(".")}
        raise Gone

    def delete(self, call: Call) -> None:
        self._change(call, "DELETE", call.inputs)


ALL: list[Kind] = [Record()]
