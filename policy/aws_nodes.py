"""How an instance starts: from a template of ours, with IMDSv2, and without an address of its own on the internet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policy.aws_encryption import is_on
from policy.model import Resource, Rule, Settings, aws

_STARTED: Final = aws("ec2/launchTemplate:LaunchTemplate", "ec2/instance:Instance")
_ADDRESSED: Final = "A node with one is a step from the internet, whatever its pods listen on."


def _check_metadata(resource: Resource, _: Settings) -> Iterator[str]:
    options = resource.properties.get("metadataOptions") or {}
    if options.get("httpEndpoint") == "disabled":
        return
    if options.get("httpTokens") != "required":
        yield "The instances answer IMDSv1."
    if int(options.get("httpPutResponseHopLimit", 1)) != 1:
        yield "The instances' metadata is within reach of their pods."


def _check_template(group: Resource, _: Settings) -> Iterator[str]:
    if "launchTemplate" not in group.properties:
        yield "The node group starts its nodes from EKS's own template."


def _check_subnet(subnet: Resource, _: Settings) -> Iterator[str]:
    if is_on(subnet.properties.get("mapPublicIpOnLaunch")):
        yield "What starts in the subnet gets a public address."


def _check_address(resource: Resource, _: Settings) -> Iterator[str]:
    # A template says it of each interface, an instance of itself.
    for part in (resource.properties, *(resource.properties.get("networkInterfaces") or ())):
        if is_on(part.get("associatePublicIpAddress")):
            yield "What starts gets a public address."


RULES: Final = (
    Rule(
        name="imdsv2",
        says="Instances answer IMDSv2 only, and not their pods.",
        reason="A pod that can be made to fetch a URL would otherwise hand out the node's credentials.",
        fix="Set metadataOptions: httpTokens required, httpPutResponseHopLimit 1.",
        types=_STARTED,
        check=_check_metadata,
    ),
    Rule(
        name="node-group-template",
        says="Every node group has a launch template of ours.",
        reason="EKS's own lets pods reach the node's credentials, does not encrypt its disk, and tags nothing.",
        fix="Give it launchTemplate, as components/launch_template.py makes one.",
        types=aws("eks/nodeGroup:NodeGroup"),
        check=_check_template,
    ),
    Rule(
        name="subnet-public-addresses",
        says="No subnet gives out public addresses by itself.",
        reason=_ADDRESSED,
        fix="Set mapPublicIpOnLaunch to false; what needs an address is given an Eip.",
        types=aws("ec2/subnet:Subnet"),
        check=_check_subnet,
    ),
    Rule(
        name="instance-public-address",
        says="No instance has a public address.",
        reason=_ADDRESSED,
        fix="Take associatePublicIpAddress out; clients come by the edge's load balancer.",
        types=_STARTED,
        check=_check_address,
    ),
)
