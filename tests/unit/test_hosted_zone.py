"""The zone of the domain, as AWS is asked for it."""

from typing import Any

import pulumi_aws as aws
import pytest
from pulumi import RunError
from pulumi.runtime import MockCallArgs

from components.hosted_zone import HostedZone, find_zone
from tests.support.recording import Recording, record

GET_ZONE = "aws:route53/getZone:getZone"


class Answering(Recording):
    """Has the public zone example.com."""

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        assert args.token == GET_ZONE
        assert args.args["privateZone"] is False, "a private zone answers nobody outside the VPC"
        match args.args["name"]:
            case "example.com":
                return {"zoneId": "Z1"}, []
            case "denied.example":
                return {}, [("name", "AccessDenied: not authorized to perform: route53:ListHostedZones")]
            case name:
                return {}, [("name", f"no matching Route 53 Hosted Zone found: {name}")]


@pytest.fixture(autouse=True)
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.recording.Recording", Answering)


def look_up(name: str) -> HostedZone:
    found: list[HostedZone] = []
    record(lambda: found.append(find_zone(name, aws.Provider("account", region="eu-central-1"))))
    return found[0]


def test_a_public_zone_is_found() -> None:
    assert look_up("example.com") == HostedZone(name="example.com", zone_id="Z1")


def test_one_that_is_not_there_is_refused() -> None:
    with pytest.raises(RunError, match=r"there is no public zone example\.org in this account"):
        look_up("example.org")


def test_no_right_to_look_is_not_the_same() -> None:
    with pytest.raises(Exception, match="not authorized") as refused:
        look_up("denied.example")
    assert not isinstance(refused.value, RunError)
