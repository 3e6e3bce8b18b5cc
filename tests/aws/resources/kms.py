"""KMS keys and their aliases."""

from tests.aws.resources.kind import (
    HANDLED,
    Call,
    Converted,
    Gone,
    Inputs,
    Kind,
    as_json,
    fields_of,
    known,
    parameters,
    tags_gone,
)


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]


class Key(Kind):
    resource_type = "aws:kms/key:Key"
    fields = known(
        {
            **fields_of("description", "keyUsage", "multiRegion"),
            "deletionWindowInDays": HANDLED,
            "enableKeyRotation": HANDLED,
            "policy": Converted("Policy", as_json),
            "rotationPeriodInDays": HANDLED,
        }
    )
    replaces = frozenset({"keyUsage", "multiRegion"})
    computed = ("arn", "keyId")
    tagged = True

    def create(self, call: Call) -> str:
        kms = call.client("kms")
        made = kms.create_key(**parameters(self.fields, call.inputs), Tags=_tags(call.tags))
        call.id = made["KeyMetadata"]["KeyId"]
        self._rotate(call)
        return call.id

    def _rotate(self, call: Call) -> None:
        if not call.changed("enableKeyRotation", "rotationPeriodInDays"):
            return
        kms = call.client("kms")
        if call.inputs.get("enableKeyRotation"):
            days = call.inputs.get("rotationPeriodInDays")
            kms.enable_key_rotation(KeyId=call.id, **({"RotationPeriodInDays": days} if days else {}))
        elif call.old:
            kms.disable_key_rotation(KeyId=call.id)

    def read(self, call: Call) -> Inputs:
        found = call.client("kms").describe_key(KeyId=call.id)["KeyMetadata"]
        if found["KeyState"] == "PendingDeletion":
            raise Gone
        return {"arn": found["Arn"], "keyId": call.id}

    def update(self, call: Call) -> None:
        kms = call.client("kms")
        self._rotate(call)
        if call.changed("description"):
            kms.update_key_description(KeyId=call.id, Description=call.inputs.get("description", ""))
        if call.changed("policy") and "policy" in call.inputs:
            kms.put_key_policy(KeyId=call.id, PolicyName="default", Policy=as_json(call.inputs["policy"]))
        if gone := tags_gone(call):
            kms.untag_resource(KeyId=call.id, TagKeys=gone)
        if call.tags:
            kms.tag_resource(KeyId=call.id, Tags=_tags(call.tags))

    def delete(self, call: Call) -> None:
        call.client("kms").schedule_key_deletion(
            KeyId=call.id, PendingWindowInDays=call.inputs.get("deletionWindowInDays", 30)
        )


class Alias(Kind):
    resource_type = "aws:kms/alias:Alias"
    fields = known({"name": "AliasName", **fields_of("targetKeyId")})
    replaces = frozenset({"name"})
    computed = ("arn", "targetKeyArn")

    def create(self, call: Call) -> str:
        call.client("kms").create_alias(**parameters(self.fields, call.inputs))
        return str(call.inputs["name"])

    def read(self, call: Call) -> Inputs:
        kms = call.client("kms")
        for alias in kms.list_aliases()["Aliases"]:
            if alias["AliasName"] == call.id:
                key = kms.describe_key(KeyId=alias["TargetKeyId"])["KeyMetadata"]
                return {"arn": alias["AliasArn"], "targetKeyArn": key["Arn"]}
        raise Gone

    def update(self, call: Call) -> None:
        call.client("kms").update_alias(**parameters(self.fields, call.inputs))

    def delete(self, call: Call) -> None:
        call.client("kms").delete_alias(AliasName=call.id)


ALL: list[Kind] = [Key(), Alias()]
