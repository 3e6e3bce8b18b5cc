"""EC2's launch templates: each change is a new version."""

from typing import Any

from tests.aws.resources.ec2 import Ec2Kind, arn, specifications
from tests.aws.resources.kind import (
    HANDLED,
    Block,
    Call,
    Converted,
    Field,
    Inputs,
    Kind,
    fields_of,
    known,
    parameters,
    tag_list,
)


def _truth(value: Any) -> bool:
    """Booleans that may be left out are texts to the SDK."""
    return str(value).lower() == "true"


DATA: dict[str, Field] = {
    **fields_of("imageId", "instanceType", "keyName", "userData"),
    "ebsOptimized": Converted("EbsOptimized", _truth),
    "vpcSecurityGroupIds": "SecurityGroupIds",
    "blockDeviceMappings": Block(
        "BlockDeviceMappings",
        {
            **fields_of("deviceName"),
            "ebs": Block(
                "Ebs",
                {
                    **fields_of("iops", "kmsKeyId", "throughput", "volumeSize", "volumeType"),
                    "deleteOnTermination": Converted("DeleteOnTermination", _truth),
                    "encrypted": Converted("Encrypted", _truth),
                },
            ),
        },
    ),
    "metadataOptions": Block(
        "MetadataOptions",
        fields_of(
            "httpEndpoint",
            "httpProtocolIpv6",
            "httpPutResponseHopLimit",
            "httpTokens",
            "instanceMetadataTags",
        ),
    ),
    "monitoring": Block("Monitoring", fields_of("enabled")),
    "tagSpecifications": Block(
        "TagSpecifications", {**fields_of("resourceType"), "tags": Converted("Tags", tag_list)}
    ),
}


class LaunchTemplate(Ec2Kind):
    resource_type = "aws:ec2/launchTemplate:LaunchTemplate"
    fields = known({**DATA, "description": HANDLED, "name": HANDLED, "updateDefaultVersion": HANDLED})
    replaces = frozenset({"name"})
    computed = ("arn", "defaultVersion", "latestVersion")
    volatile = ("defaultVersion", "latestVersion")
    auto_name = "name"
    name_length = 128

    def _version(self, call: Call) -> dict[str, Any]:
        described = {"VersionDescription": call.inputs["description"]} if "description" in call.inputs else {}
        return {"LaunchTemplateData": parameters(DATA, call.inputs), **described}

    def create(self, call: Call) -> str:
        made = call.client("ec2").create_launch_template(
            LaunchTemplateName=call.inputs["name"],
            TagSpecifications=specifications(call, "launch-template"),
            **self._version(call),
        )
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def change(self, call: Call) -> None:
        ec2 = call.client("ec2")
        if call.changed("description", *DATA):
            made = ec2.create_launch_template_version(LaunchTemplateId=call.id, **self._version(call))
            if call.inputs.get("updateDefaultVersion"):
                version = str(made["LaunchTemplateVersion"]["VersionNumber"])
                ec2.modify_launch_template(LaunchTemplateId=call.id, DefaultVersion=version)

    def read(self, call: Call) -> Inputs:
        found = call.client("ec2").describe_launch_templates(LaunchTemplateIds=[call.id])["LaunchTemplates"][
            0
        ]
        return {
            "arn": arn(call, f"launch-template/{call.id}"),
            "defaultVersion": found["DefaultVersionNumber"],
            "latestVersion": found["LatestVersionNumber"],
        }

    def delete(self, call: Call) -> None:
        call.client("ec2").delete_launch_template(LaunchTemplateId=call.id)


ALL: list[Kind] = [LaunchTemplate()]
