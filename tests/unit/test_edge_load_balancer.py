"""What the edge's load balancer registers, seen by a recording engine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pytest

from components.contour import Contour, ContourArgs
from components.edge import ENVOY_HEALTH_PORT, STREAM_IDLE_SECONDS, ClientAddress, Exposure
from components.edge_load_balancer import DRAIN_SECONDS, EdgeLoadBalancer, EdgeLoadBalancerArgs
from components.hosted_zone import HostedZone
from components.upstream.objects import parse_manifest
from components.upstream.source import UpstreamStore
from stacks.versions import CONTOUR
from tests.support.recording import Recorded, Recording, record

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGETS = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
ATTACHMENT = "aws:autoscaling/attachment:Attachment"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
RECORD = "aws:route53/record:Record"

ARGS = EdgeLoadBalancerArgs(
    vpc_id="vpc-traced",
    public_subnet_ids=("subnet-traced-a", "subnet-traced-b"),
    autoscaling_group="edge-nodes",
    node_security_group_id="sg-nodes",
    client_address=ClientAddress.PRESERVED,
    cross_zone=True,
    deletion_protection=True,
    domain="tts.example.com",
    zone=HostedZone(name="example.com", zone_id="ZDOMAIN"),
    wildcard=False,
)


class Answering(Recording):
    """Gives what a load balancer is made of the names and ARNs that AWS would."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        identity, state = super().new_resource(args)
        state["arn"] = f"{args.name}-arn"
        if args.typ == BALANCER:
            state |= {"dnsName": "edge.elb.example.net", "zoneId": "ZBALANCER"}
        return identity, state


@dataclass
class Seen:
    recording: Recording
    outputs: Mapping[str, Any]

    def all(self, token: str) -> list[Recorded]:
        return [item for item in self.recording.resources if item.type == token]

    def one(self, token: str) -> Mapping[str, Any]:
        (found,) = self.all(token)
        return found.inputs

    def rules(self, token: str) -> set[tuple[str, str, int]]:
        """Whose, with whom, at which port."""
        rules = [item.inputs for item in self.all(token)]
        assert all(rule["ipProtocol"] == "tcp" and rule["fromPort"] == rule["toPort"] for rule in rules)
        return {
            (
                rule["securityGroupId"],
                rule.get("cidrIpv4") or rule["referencedSecurityGroupId"],
                int(rule["fromPort"]),
            )
            for rule in rules
        }


def load_balancer(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Seen:
    monkeypatch.setattr("tests.support.recording.Recording", Answering)
    outputs: dict[str, Any] = {}

    def program() -> None:
        made = EdgeLoadBalancer("edge", replace(ARGS, **changes))
        pulumi.Output.all(dns_name=made.dns_name).apply(outputs.update)

    return Seen(record(program), outputs)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    return load_balancer(monkeypatch)


class TestReach:
    def test_clients_get_to_80_and_443_and_to_nothing_else(self, seen: Seen) -> None:
        to_balancer = {rule for rule in seen.rules(INGRESS) if rule[0] == "edge-nlb-id"}
        assert to_balancer == {("edge-nlb-id", "0.0.0.0/0", 80), ("edge-nlb-id", "0.0.0.0/0", 443)}

    def test_the_nodes_let_in_the_load_balancer_and_nobody_else(self, seen: Seen) -> None:
        to_nodes = {rule for rule in seen.rules(INGRESS) if rule[0] == "sg-nodes"}
        assert to_nodes == {("sg-nodes", "edge-nlb-id", port) for port in (80, 443, ENVOY_HEALTH_PORT)}, (
            "Envoy's metrics and its plain port would be open to the network"
        )

    def test_it_reaches_the_nodes_and_nothing_else(self, seen: Seen) -> None:
        assert seen.rules(EGRESS) == {
            ("edge-nlb-id", "sg-nodes", port) for port in (80, 443, ENVOY_HEALTH_PORT)
        }
        group = seen.one(GROUP)
        assert "egress" not in group, "an inline rule and rules of their own undo each other"
        assert "ingress" not in group

    def test_it_has_its_security_group_from_the_start(self, seen: Seen) -> None:
        assert seen.one(BALANCER)["securityGroups"] == ["edge-nlb-id"], (
            "AWS adds none to a network load balancer that was made without"
        )

    def test_it_faces_the_internet_from_the_public_subnets(self, seen: Seen) -> None:
        balancer = seen.one(BALANCER)
        assert (balancer["loadBalancerType"], balancer["internal"]) == ("network", False)
        assert balancer["subnets"] == ["subnet-traced-a", "subnet-traced-b"]
        assert seen.one(GROUP)["vpcId"] == "vpc-traced"


class TestForwarding:
    def test_both_ports_go_to_the_nodes_same_port(self, seen: Seen) -> None:
        ports = {f"{item.name}-arn": int(item.inputs["port"]) for item in seen.all(TARGETS)}
        assert sorted(ports.values()) == [80, 443]
        for listener in (item.inputs for item in seen.all(LISTENER)):
            (action,) = listener["defaultActions"]
            assert action["type"] == "forward"
            assert ports[action["targetGroupArn"]] == listener["port"]
            assert listener["loadBalancerArn"] == "edge-nlb-arn"
        assert {int(item.inputs["port"]) for item in seen.all(LISTENER)} == {80, 443}

    def test_tls_is_envoys(self, seen: Seen) -> None:
        protocols = {item.inputs["protocol"] for token in (LISTENER, TARGETS) for item in seen.all(token)}
        assert protocols == {"TCP"}

    def test_the_targets_are_the_edge_nodes_as_they_come_and_go(self, seen: Seen) -> None:
        attached = {
            (item.inputs["autoscalingGroupName"], item.inputs["lbTargetGroupArn"])
            for item in seen.all(ATTACHMENT)
        }
        assert attached == {("edge-nodes", "edge-http-arn"), ("edge-nodes", "edge-https-arn")}
        for group in (item.inputs for item in seen.all(TARGETS)):
            assert (group["targetType"], group["vpcId"]) == ("instance", "vpc-traced")

    @pytest.mark.parametrize("cross_zone", [True, False])
    def test_cross_zone_is_a_setting(self, monkeypatch: pytest.MonkeyPatch, cross_zone: bool) -> None:
        balancer = load_balancer(monkeypatch, cross_zone=cross_zone).one(BALANCER)
        assert balancer["enableCrossZoneLoadBalancing"] is cross_zone

    @pytest.mark.parametrize("protection", [True, False])
    def test_deletion_protection_is_a_setting(
        self, monkeypatch: pytest.MonkeyPatch, protection: bool
    ) -> None:
        balancer = load_balancer(monkeypatch, deletion_protection=protection).one(BALANCER)
        assert balancer["enableDeletionProtection"] is protection

    def test_generated_names_fit(self, seen: Seen) -> None:
        names = [item.name for token in (BALANCER, TARGETS) for item in seen.all(token)]
        assert all(len(name) + len("-0123456") <= 32 for name in names), "AWS takes 32 characters"
        assert not any("name" in item.inputs for token in (BALANCER, TARGETS) for item in seen.all(token)), (
            "one that is replaced could not be there before the old one goes"
        )


class TestStreams:
    def test_a_quiet_stream_is_envoys_to_end(self, seen: Seen) -> None:
        for listener in (item.inputs for item in seen.all(LISTENER)):
            assert listener["tcpIdleTimeoutSeconds"] > STREAM_IDLE_SECONDS, (
                "the load balancer forgets a connection without telling either end"
            )
            assert 60 <= listener["tcpIdleTimeoutSeconds"] <= 6000, "AWS takes no other"

    def test_a_draining_envoy_keeps_its_streams(self, seen: Seen) -> None:
        for group in (item.inputs for item in seen.all(TARGETS)):
            (state,) = group["targetHealthStates"]
            assert state["enableUnhealthyConnectionTermination"] is False, (
                "an Envoy that drains says that it is not ready, and its streams would be cut for it"
            )
            assert state["unhealthyDrainingInterval"] == DRAIN_SECONDS

    def test_a_node_that_goes_has_as_long_as_its_envoy(self, seen: Seen) -> None:
        manifest = parse_manifest(UpstreamStore().locate(CONTOUR))
        (envoy,) = [item for item in manifest if item["kind"] == "DaemonSet"]
        grace = envoy["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        for group in (item.inputs for item in seen.all(TARGETS)):
            assert group["deregistrationDelay"] == grace, "streams would be cut that Envoy still serves"
            assert group["connectionTermination"] is True, "a client would wait on a node that is gone"


class TestHealth:
    def test_it_asks_envoy_whether_it_is_ready(self, seen: Seen) -> None:
        for check in (item.inputs["healthCheck"] for item in seen.all(TARGETS)):
            assert (check["protocol"], check["path"], check["matcher"]) == ("HTTP", "/ready", "200"), (
                "an open port is no readiness: a draining Envoy still has one"
            )
            assert check["port"] == str(ENVOY_HEALTH_PORT)

    def test_it_asks_without_http_where_checks_carry_the_proxy_header(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = load_balancer(monkeypatch, client_address=ClientAddress.PROXY_PROTOCOL)
        for check in (item.inputs["healthCheck"] for item in seen.all(TARGETS)):
            assert check["protocol"] == "TCP", "Envoy answers 400 to a PROXY header on its readiness port"
            assert "path" not in check, "AWS refuses a path with TCP"
            assert "matcher" not in check, "and a matcher too"
            assert check["port"] == str(ENVOY_HEALTH_PORT)

    def test_it_is_where_envoy_answers(self) -> None:
        manifest = parse_manifest(UpstreamStore().locate(CONTOUR))
        (envoy,) = [item for item in manifest if item["kind"] == "DaemonSet"]
        (probe,) = [
            item["readinessProbe"]
            for item in envoy["spec"]["template"]["spec"]["containers"]
            if "readinessProbe" in item
        ]
        assert probe["httpGet"] == {"path": "/ready", "port": ENVOY_HEALTH_PORT}


class TestClientAddress:
    @pytest.mark.parametrize("client_address", list(ClientAddress))
    @pytest.mark.parametrize("exposure", [Exposure.HOST_NETWORK, Exposure.HOST_PORT])
    def test_both_sides_agree(
        self, monkeypatch: pytest.MonkeyPatch, client_address: ClientAddress, exposure: Exposure
    ) -> None:
        seen = load_balancer(monkeypatch, client_address=client_address)
        monkeypatch.undo()
        expects_header = "--use-proxy-protocol" in contour_arguments(exposure, client_address)
        for group in (item.inputs for item in seen.all(TARGETS)):
            assert group["proxyProtocolV2"] is expects_header, (
                "on one side only, every connection is refused, or read as a broken request"
            )
            assert group["preserveClientIp"] == ("false" if expects_header else "true"), (
                "one way to know the client, never two and never none"
            )
        assert expects_header is (client_address is ClientAddress.PROXY_PROTOCOL)


def contour_arguments(exposure: Exposure, client_address: ClientAddress) -> list[str]:
    args = ContourArgs(
        upstream=CONTOUR,
        store=UpstreamStore(),
        exposure=exposure,
        replicas=2,
        load_balancer=client_address,
    )

    def program() -> None:
        Contour("contour", args)

    deployment = record(program).object("Deployment", "contour")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    arguments: list[str] = container["args"]
    return arguments


class TestDomain:
    def test_it_points_at_the_load_balancer(self, seen: Seen) -> None:
        found = seen.one(RECORD)
        assert (found["zoneId"], found["name"], found["type"]) == ("ZDOMAIN", "tts.example.com", "A")
        assert found["aliases"] == [
            {"name": "edge.elb.example.net", "zoneId": "ZBALANCER", "evaluateTargetHealth": True}
        ]

    def test_the_names_below_it_come_along_where_stacks_may_have_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = [item.inputs for item in load_balancer(monkeypatch, wildcard=True).all(RECORD)]
        assert {item["name"] for item in found} == {"tts.example.com", "*.tts.example.com"}
        assert found[0]["aliases"] == found[1]["aliases"]

    def test_it_is_left_alone_without_a_zone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = load_balancer(monkeypatch, zone=None)
        assert not seen.all(RECORD)
        assert seen.outputs == {"dns_name": "edge.elb.example.net"}, "somebody has to point the domain at it"

    def test_it_may_be_the_zones_own_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert load_balancer(monkeypatch, domain="example.com").one(RECORD)["name"] == "example.com"

    @pytest.mark.parametrize("domain", ["tts.example.org", "notexample.com", "com"])
    def test_a_zone_that_does_not_hold_it_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, domain: str
    ) -> None:
        with pytest.raises(ValueError, match="does not hold"):
            load_balancer(monkeypatch, domain=domain)
