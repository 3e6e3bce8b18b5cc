"""What Envoy has of the limits that keep it alive."""

import pytest
from kubernetes.utils.quantity import parse_quantity

from tests.cluster.running import Running

pytestmark = pytest.mark.usefixtures("deployed")


def test_envoy_refuses_requests_before_the_kernel_ends_it(running: Running) -> None:
    (envoy,) = [item for item in running.envoy_pod().spec.containers if item.name == "envoy"]
    allowed = parse_quantity(envoy.resources.limits["memory"])
    everything = running.envoy_says("/config_dump")["configs"]
    (bootstrap,) = [item["bootstrap"] for item in everything if "bootstrap" in item]
    (monitor,) = bootstrap["overload_manager"]["resource_monitors"]
    heap = int(monitor["typed_config"]["max_heap_size_bytes"])
    assert 0.8 * float(allowed) < heap < 0.95 * float(allowed), "not all that it holds is heap"
    actions = {action["name"] for action in bootstrap["overload_manager"]["actions"]}
    assert "envoy.overload_actions.stop_accepting_requests" in actions


def test_who_is_slow_to_listen_takes_little_of_envoys_memory(running: Running) -> None:
    listeners = [
        item["active_state"]["listener"]
        for item in running.envoy_says("/config_dump?resource=dynamic_listeners")["configs"]
    ]
    clusters = [
        item["cluster"]
        for item in running.envoy_says("/config_dump?resource=dynamic_active_clusters")["configs"]
    ]
    serving = [item for item in listeners if item["name"].startswith("ingress_http")]
    speaking = [item for item in clusters if item["name"].startswith("tts/")]
    assert {"ingress_http", "ingress_https"} == {item["name"] for item in serving}
    assert speaking
    assert {item["per_connection_buffer_limit_bytes"] for item in [*serving, *speaking]} == {32768}
