"""A public hosted zone of the account, looked up, never made.

Refuses a name that the account has no public zone of: a record in a private one answers nobody outside the VPC.
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/AboutHZWorkingWith.html
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws_lookup import look_up


@dataclass(frozen=True, kw_only=True)
class HostedZone:
    """A zone that is there."""

    name: str
    """The domain whose names it holds."""

    zone_id: str


def find_zone(name: str, account: aws.Provider) -> HostedZone:
    """The zone of this name; asked at once, so that a wrong name is refused before anything is made."""
    found = look_up(
        lambda: aws.route53.get_zone(
            name=name, private_zone=False, opts=pulumi.InvokeOptions(provider=account)
        ),
        absent=["no matching Route 53 Hosted Zone found"],
    )
    if found is None:
        raise pulumi.RunError(
            f"tts-platform:dnsZone: there is no public zone {name} in this account. "
            "Write the name of one, or take dnsZone out and point the domain at the output load_balancer."
        )
    return HostedZone(name=name, zone_id=str(found.zone_id))
