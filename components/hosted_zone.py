"""A public hosted zone of the account, looked up, never made.

Refuses a name that the account has no public zone of: a record in a private one answers nobody outside the VPC.
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/AboutHZWorkingWith.html
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class HostedZone:
    """A zone that is there."""

    name: str
    """The domain whose names it holds."""

    zone_id: str


def find_zone(name: str, account: aws.Provider) -> HostedZone:
    """The zone of this name; asked at once, so that a wrong name is refused before anything is made."""
    try:
        found = aws.route53.get_zone(
            name=name, private_zone=False, opts=pulumi.InvokeOptions(provider=account)
        )
    except Exception as error:
        # Pulumi raises a bare Exception. Anything but "not there" (no right to look, say) must not pass for it.
        if "no matching Route 53 Hosted Zone found" in str(error):
            raise pulumi.RunError(
                f"tts-platform:dnsZone: there is no public zone {name} in this account. "
                "Write the name of one, or take dnsZone out and point the domain at the output load_balancer."
            ) from None
        raise
    return HostedZone(name=name, zone_id=str(found.zone_id))
