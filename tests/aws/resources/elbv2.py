"""Load balancers, their target groups and listeners."""

from typing import Any

from tests.aws.resources.kind import (
    HANDLED,
    Block,
    Call,
    Field,
    Handled,
    Inputs,
    Kind,
    fields_of,
    known,
    parameters,
    tag_list,
    tags_gone,
)


def _attributes(names: dict[str, str], inputs: Inputs) -> list[dict[str, str]]:
    return [
        {
            "Key": key,
            "Value": str(inputs[name]).lower() if isinstance(inputs[name], bool) else str(inputs[name]),
        }
        for name, key in names.items()
        if name in inputs
    ]


class _ElbKind(Kind):
    tagged = True

    def _retag(self, call: Call) -> None:
        elb = call.client("elbv2")
        if gone := tags_gone(call):
            elb.remove_tags(ResourceArns=[call.id], TagKeys=gone)
        if call.tags and call.tags != call.old_tags:
            elb.add_tags(ResourceArns=[call.id], Tags=tag_list(call.tags))


_BALANCER = {
    "dnsRecordClientRoutingPolicy": "dns_record.client_routing_policy",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "enableDeletionProtection": "deletion_protection.enabled",
    "enableZonalShift": "zonal_shift.config.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
}


class LoadBalancer(_ElbKind):
    resource_type = "aws:lb/loadBalancer:LoadBalancer"
    fields = known(
        {
            **fields_of("ipAddressType", "name", "securityGroups", "subnets"),
            **dict.fromkeys(_BALANCER, HANDLED),
            "internal": HANDLED,
            "loadBalancerType": "Type",
            "subnetMappings": Block("SubnetMappings", {**fields_of("allocationId", "subnetId")}),
        }
    )
    replaces = frozenset({"internal", "loadBalancerType", "name", "subnetMappings"})
    computed = ("arn", "arnSuffix", "dnsName", "vpcId", "zoneId")
    auto_name = "name"
    name_length = 32

    def must_replace(self, old: Inputs, new: Inputs) -> bool:
        # AWS lets a network load balancer change its security groups only when it was made with some.
        return new.get("loadBalancerType") == "network" and bool(old.get("securityGroups")) != bool(
            new.get("securityGroups")
        )

    def create(self, call: Call) -> str:
        scheme = "internal" if call.inputs.get("internal") else "internet-facing"
        made = call.client("elbv2").create_load_balancer(
            **parameters(self.fields, call.inputs), Scheme=scheme, Tags=tag_list(call.tags)
        )
        call.id = made["LoadBalancers"][0]["LoadBalancerArn"]
        self._configure(call)
        return call.id

    def _configure(self, call: Call) -> None:
        if attributes := _attributes(_BALANCER, call.inputs):
            call.client("elbv2").modify_load_balancer_attributes(
                LoadBalancerArn=call.id, Attributes=attributes
            )

    def update(self, call: Call) -> None:
        elb = call.client("elbv2")
        if call.changed(*_BALANCER):
            removed = {name: False for name in _BALANCER if name in call.old and name not in call.inputs}
            call.inputs = {**removed, **call.inputs}
            self._configure(call)
        if call.changed("securityGroups"):
            elb.set_security_groups(LoadBalancerArn=call.id, SecurityGroups=call.inputs["securityGroups"])
        if call.changed("subnets"):
            elb.set_subnets(LoadBalancerArn=call.id, Subnets=call.inputs["subnets"])
        if call.changed("ipAddressType"):
            elb.set_ip_address_type(LoadBalancerArn=call.id, IpAddressType=call.inputs["ipAddressType"])
        self._retag(call)

    def read(self, call: Call) -> Inputs:
        found = call.client("elbv2").describe_load_balancers(LoadBalancerArns=[call.id])["LoadBalancers"][0]
        return {
            "arn": call.id,
            "arnSuffix": call.id.partition(":loadbalancer/")[2],
            "dnsName": found["DNSName"],
            "vpcId": found["VpcId"],
            "zoneId": found["CanonicalHostedZoneId"],
        }

    def delete(self, call: Call) -> None:
        call.client("elbv2").delete_load_balancer(LoadBalancerArn=call.id)


_TARGETS = {
    "connectionTermination": "deregistration_delay.connection_termination.enabled",
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "loadBalancingCrossZoneEnabled": "load_balancing.cross_zone.enabled",
    "preserveClientIp": "preserve_client_ip.enabled",
    "proxyProtocolV2": "proxy_protocol_v2.enabled",
}
_HEALTH_STATES = {
    "enableUnhealthyConnectionTermination": "target_health_state.unhealthy.connection_termination.enabled",
    "unhealthyDrainingInterval": "target_health_state.unhealthy.draining_interval_seconds",
}
_HEALTH: dict[str, Field] = {
    "enabled": "HealthCheckEnabled",
    "healthyThreshold": "HealthyThresholdCount",
    "interval": "HealthCheckIntervalSeconds",
    "matcher": HANDLED,
    "path": "HealthCheckPath",
    "port": "HealthCheckPort",
    "protocol": "HealthCheckProtocol",
    "timeout": "HealthCheckTimeoutSeconds",
    "unhealthyThreshold": "UnhealthyThresholdCount",
}


def _health_check(inputs: Inputs) -> dict[str, Any]:
    check = inputs.get("healthCheck", {})
    matcher = {"Matcher": {"HttpCode": check["matcher"]}} if "matcher" in check else {}
    return {**parameters(_HEALTH, check), **matcher}


class TargetGroup(_ElbKind):
    resource_type = "aws:lb/targetGroup:TargetGroup"
    fields = known(
        {
            **fields_of("ipAddressType", "name", "port", "protocol", "targetType", "vpcId"),
            **dict.fromkeys(_TARGETS, HANDLED),
            "healthCheck": Handled(_HEALTH),
            "targetHealthStates": Handled(dict.fromkeys(_HEALTH_STATES, HANDLED)),
        }
    )
    replaces = frozenset({"ipAddressType", "name", "port", "protocol", "targetType", "vpcId"})
    computed = ("arn", "arnSuffix")
    auto_name = "name"
    name_length = 32

    def create(self, call: Call) -> str:
        made = call.client("elbv2").create_target_group(
            **parameters(self.fields, call.inputs), **_health_check(call.inputs), Tags=tag_list(call.tags)
        )
        call.id = made["TargetGroups"][0]["TargetGroupArn"]
        self._configure(call)
        return call.id

    def _configure(self, call: Call) -> None:
        attributes = _attributes(_TARGETS, call.inputs)
        for state in call.inputs.get("targetHealthStates", []):
            attributes += _attributes(_HEALTH_STATES, state)
        if attributes:
            call.client("elbv2").modify_target_group_attributes(TargetGroupArn=call.id, Attributes=attributes)

    def update(self, call: Call) -> None:
        if call.changed("healthCheck"):
            call.client("elbv2").modify_target_group(TargetGroupArn=call.id, **_health_check(call.inputs))
        if call.changed("targetHealthStates", *_TARGETS):
            self._configure(call)
        self._retag(call)

    def read(self, call: Call) -> Inputs:
        call.client("elbv2").describe_target_groups(TargetGroupArns=[call.id])
        return {"arn": call.id, "arnSuffix": f"targetgroup/{call.id.partition(':targetgroup/')[2]}"}

    def delete(self, call: Call) -> None:
        call.client("elbv2").delete_target_group(TargetGroupArn=call.id)


class Listener(_ElbKind):
    resource_type = "aws:lb/listener:Listener"
    fields = known(
        {
            **fields_of("loadBalancerArn", "port", "protocol", "sslPolicy"),
            "defaultActions": Block("DefaultActions", fields_of("order", "targetGroupArn", "type")),
            "tcpIdleTimeoutSeconds": HANDLED,
        }
    )
    replaces = frozenset({"loadBalancerArn"})
    computed = ("arn",)

    def create(self, call: Call) -> str:
        made = call.client("elbv2").create_listener(
            **parameters(self.fields, call.inputs), Tags=tag_list(call.tags)
        )
        call.id = made["Listeners"][0]["ListenerArn"]
        self._configure(call)
        return call.id

    def _configure(self, call: Call) -> None:
        names = {"tcpIdleTimeoutSeconds": "tcp.idle_timeout.seconds"}
        if attributes := _attributes(names, call.inputs):
            call.client("elbv2").modify_listener_attributes(ListenerArn=call.id, Attributes=attributes)

    def update(self, call: Call) -> None:
        request = parameters(self.fields, call.inputs)
        del request["LoadBalancerArn"]
        call.client("elbv2").modify_listener(ListenerArn=call.id, **request)
        self._configure(call)
        self._retag(call)

    def read(self, call: Call) -> Inputs:
        call.client("elbv2").describe_listeners(ListenerArns=[call.id])
        return {"arn": call.id}

    def delete(self, call: Call) -> None:
        call.client("elbv2").delete_listener(ListenerArn=call.id)


ALL: list[Kind] = [LoadBalancer(), TargetGroup(), Listener()]
