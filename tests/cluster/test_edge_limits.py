"""What Envoy itself says of the limits that keep it alive."""

import json
import re
from typing import Any

import pytest
from kubernetes.utils.quantity import parse_quantity

from tests.cluster.running import Running

pytestmark = pytest.mark.usefixtures("deployed")


def test_envoy_refuses_requests_before_the_kernel_ends_it(running: Running) -> None:
    (envoy,) = [item for item in running.envoy_pod().spec.containers if item.name == "envoy"]
    allowed = parse_quantity(envoy.resources.limits["memory"])
    heap = int(monitors(running)["envoy.resource_monitors.fixed_heap"]["max_heap_size_bytes"])
    assert 0.8 * float(allowed) < heap < 0.95 * float(allowed), "not all that it holds is heap"
    (refusal,) = [
        action
        for action in overload_manager(running)["actions"]
        if action["name"] == "envoy.overload_actions.stop_accepting_requests"
    ]
    (trigger,) = refusal["triggers"]
    assert trigger["threshold"]["value"] < 1


def test_it_takes_connections_up_to_a_number(running: Running) -> None:
    limit = monitors(running)["envoy.resource_monitors.global_downstream_max_connections"]
    assert int(limit["max_active_downstream_connections"]) > at_a_time(running)


def test_one_connection_has_a_hundred_streams_at_the_most(running: Running) -> None:
    (listener,) = [item for item in serving(running) if item["name"] == "ingress_https"]
    written = json.dumps(listener)
    assert re.search(r'"http2_protocol_options": \{"max_concurrent_streams": 100\b', written)


def test_the_next_websocket_of_a_thousand_is_not_refused(running: Running) -> None:
    assert at_a_time(running) > 1024, "Envoy's default: the 1,025th gets a 503 although nothing is busy"


def test_only_what_reached_no_pod_is_tried_again(running: Running) -> None:
    configs = running.envoy_says("/config_dump?resource=dynamic_route_configs")["configs"]
    policies = [
        route["route"]["retry_policy"]
        for item in configs
        for host in item["route_config"].get("virtual_hosts", [])
        for route in host["routes"]
        if str(route.get("route", {}).get("cluster", "")).startswith("tts/")
    ]
    assert policies, "the speech service has routes"
    for policy in policies:
        assert set(policy["retry_on"].split(",")) == {"connect-failure", "reset-before-request"}
        assert policy["num_retries"] == 3


def test_who_is_slow_to_listen_takes_little_of_envoys_memory(running: Running) -> None:
    """Over HTTP/1.1 and WebSockets."""
    assert {"ingress_http", "ingress_https"} == {item["name"] for item in serving(running)}
    both = [*serving(running), *speaking(running)]
    assert {item["per_connection_buffer_limit_bytes"] for item in both} == {32768}


def overload_manager(running: Running) -> Any:
    everything = running.envoy_says("/config_dump")["configs"]
    (bootstrap,) = [item["bootstrap"] for item in everything if "bootstrap" in item]
    return bootstrap["overload_manager"]


def monitors(running: Running) -> dict[str, Any]:
    return {item["name"]: item["typed_config"] for item in overload_manager(running)["resource_monitors"]}


def serving(running: Running) -> list[Any]:
    """Its listeners for clients."""
    configs = running.envoy_says("/config_dump?resource=dynamic_listeners")["configs"]
    listeners = [item["active_state"]["listener"] for item in configs]
    return [item for item in listeners if item["name"].startswith("ingress_http")]


def speaking(running: Running) -> list[Any]:
    """Its clusters of speech pods."""
    configs = running.envoy_says("/config_dump?resource=dynamic_active_clusters")["configs"]
    found = [item["cluster"] for item in configs if item["cluster"]["name"].startswith("tts/")]
    assert found, "the speech service has a cluster"
    return found


def at_a_time(running: Running) -> int:
    """Requests to the speech service that Envoy carries at the same time."""
    limits: list[int] = [
        threshold["max_requests"]
        for cluster in speaking(running)
        for threshold in cluster["circuit_breakers"]["thresholds"]
    ]
    return min(limits)
