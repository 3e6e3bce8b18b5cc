"""Contour's manifest after our changes, in each exposure. Needs the pinned manifest in the cache, or the network."""

from typing import Any

import pytest
import yaml

from components.contour import Contour, ContourArgs
from components.edge import ENVOY_HEALTH_PORT, STREAM_IDLE_SECONDS, ClientAddress, Exposure
from components.upstream.objects import WORKLOADS
from components.upstream.source import UpstreamStore
from stacks.versions import CONTOUR
from tests.support.recording import Recording, record


def contour(exposure: Exposure = Exposure.HOST_PORT, **changes: Any) -> Recording:
    args = ContourArgs(upstream=CONTOUR, store=UpstreamStore(), exposure=exposure, replicas=2, **changes)

    def program() -> None:
        Contour("contour", args)

    return record(program)


def envoy(recording: Recording) -> Any:
    return recording.object("DaemonSet", "envoy")["spec"]["template"]["spec"]


def container(pod: Any, name: str) -> Any:
    (found,) = [item for item in pod["containers"] if item["name"] == name]
    return found


def listeners(pod: Any) -> dict[str, tuple[int, int | None]]:
    ports = container(pod, "envoy")["ports"]
    return {
        port["name"]: (port["containerPort"], port.get("hostPort"))
        for port in ports
        if port["name"] != "metrics"
    }


class TestHostNetwork:
    def test_envoy_listens_on_the_nodes_own_ports(self) -> None:
        recording = contour(Exposure.HOST_NETWORK)
        assert envoy(recording)["hostNetwork"] is True
        assert listeners(envoy(recording)) == {"http": (80, 80), "https": (443, 443)}
        args = recording.object("Deployment", "contour")["spec"]["template"]["spec"]["containers"][0]["args"]
        assert {"--envoy-service-http-port=80", "--envoy-service-https-port=443"} <= set(args), (
            "Contour would tell Envoy to listen on 8080"
        )

    def test_envoy_finds_contour_by_its_cluster_name(self) -> None:
        assert envoy(contour(Exposure.HOST_NETWORK))["dnsPolicy"] == "ClusterFirstWithHostNet"

    def test_it_is_drained_before_it_is_stopped(self) -> None:
        pod = envoy(contour(Exposure.HOST_NETWORK))
        hook = container(pod, "envoy")["lifecycle"]["preStop"]["httpGet"]
        assert hook["host"] == "127.0.0.1", (
            "kubelet finds no address for the hook of a pod in its node's network, and skips it"
        )
        assert "exec" in container(pod, "shutdown-manager")["lifecycle"]["preStop"], (
            "this one needs no address"
        )

    def test_root_has_one_capability(self) -> None:
        pod = envoy(contour(Exposure.HOST_NETWORK))
        assert container(pod, "envoy")["securityContext"]["capabilities"] == {
            "drop": ["ALL"],
            "add": ["NET_BIND_SERVICE"],
        }
        assert container(pod, "shutdown-manager")["securityContext"]["capabilities"] == {"drop": ["ALL"]}


class TestHostPort:
    def test_the_hook_goes_to_the_pods_own_address(self) -> None:
        pod = envoy(contour(Exposure.HOST_PORT))
        hook = container(pod, "envoy")["lifecycle"]["preStop"]["httpGet"]
        assert "host" not in hook, "127.0.0.1 is kubelet's there, not Envoy's"

    def test_the_nodes_ports_lead_to_envoys(self) -> None:
        pod = envoy(contour(Exposure.HOST_PORT))
        assert listeners(pod) == {"http": (8080, 80), "https": (8443, 443)}
        assert "hostNetwork" not in pod

    def test_nothing_runs_as_root(self) -> None:
        assert envoy(contour(Exposure.HOST_PORT))["securityContext"]["runAsNonRoot"] is True


class TestLoadBalancer:
    def test_no_port_of_the_node_is_taken(self) -> None:
        recording = contour(Exposure.LOAD_BALANCER)
        assert listeners(envoy(recording)) == {"http": (8080, None), "https": (8443, None)}
        assert recording.object("Service", "envoy")["spec"]["type"] == "LoadBalancer"

    def test_none_of_the_nodes_can_go_with_it(self) -> None:
        with pytest.raises(ValueError, match="no port of Envoy's"):
            contour(Exposure.LOAD_BALANCER, load_balancer=ClientAddress.PRESERVED)


def health_port(pod: Any) -> Any:
    (found,) = [
        port for port in container(pod, "envoy")["ports"] if port["containerPort"] == ENVOY_HEALTH_PORT
    ]
    return found


class TestBehindALoadBalancer:
    """One in front of the nodes, which is none of Kubernetes'."""

    @pytest.mark.parametrize("client_address", list(ClientAddress))
    def test_it_meets_envoys_own_readiness_on_the_node(self, client_address: ClientAddress) -> None:
        pod = envoy(contour(Exposure.HOST_PORT, load_balancer=client_address))
        assert health_port(pod)["hostPort"] == ENVOY_HEALTH_PORT, (
            "every node would look dead to the load balancer"
        )

    def test_in_the_nodes_network_it_is_there_already(self) -> None:
        pod = envoy(contour(Exposure.HOST_NETWORK, load_balancer=ClientAddress.PRESERVED))
        assert pod["hostNetwork"] is True
        assert health_port(pod).get("hostPort", ENVOY_HEALTH_PORT) == ENVOY_HEALTH_PORT

    @pytest.mark.parametrize("exposure", [Exposure.HOST_NETWORK, Exposure.HOST_PORT])
    def test_envoy_expects_the_proxy_header_only_where_it_comes(self, exposure: Exposure) -> None:
        expected = {
            choice: "--use-proxy-protocol" in contour_args(contour(exposure, load_balancer=choice))
            for choice in (None, *ClientAddress)
        }
        assert expected == {None: False, ClientAddress.PRESERVED: False, ClientAddress.PROXY_PROTOCOL: True}

    @pytest.mark.parametrize("exposure", list(Exposure))
    def test_without_one_the_readiness_port_stays_the_pods(self, exposure: Exposure) -> None:
        assert "hostPort" not in health_port(envoy(contour(exposure))), "Envoy's metrics are on it too"


def contour_args(recording: Recording) -> list[str]:
    (found,) = recording.object("Deployment", "contour")["spec"]["template"]["spec"]["containers"]
    arguments: list[str] = found["args"]
    return arguments


@pytest.mark.parametrize("exposure", [Exposure.HOST_NETWORK, Exposure.HOST_PORT])
def test_no_load_balancer_is_paid_for_where_none_is_used(exposure: Exposure) -> None:
    spec = contour(exposure).object("Service", "envoy")["spec"]
    assert spec["type"] == "ClusterIP"
    assert "externalTrafficPolicy" not in spec, "the API refuses it on a ClusterIP"


@pytest.mark.parametrize("exposure", list(Exposure))
def test_every_pod_is_on_an_edge_node_and_bounded(exposure: Exposure) -> None:
    recording = contour(exposure)
    workloads = [item.inputs for item in recording.resources if item.type.rpartition(":")[2] in WORKLOADS]
    assert len(workloads) == 3
    for workload in workloads:
        pod = workload["spec"]["template"]["spec"]
        assert pod["nodeSelector"] == {"tts-platform/pool": "edge"}
        for item in [*pod["containers"], *pod.get("initContainers", [])]:
            assert item["resources"]["limits"]["memory"]
            assert item["imagePullPolicy"] == "IfNotPresent"


def test_configuration_is_for_streams_and_new_configuration_makes_new_pods() -> None:
    recording = contour()
    written = recording.object("ConfigMap", "contour")["data"]["contour.yaml"]
    for line in (
        "accesslog-format: json",
        "minimum-protocol-version: '1.2'",
        "request-timeout: infinity",
        f"stream-idle-timeout: {STREAM_IDLE_SECONDS // 60}m\n",
    ):
        assert line in written
    template = recording.object("Deployment", "contour")["spec"]["template"]
    assert template["metadata"]["annotations"]["tts-platform/configuration"]


def test_more_websockets_than_envoy_takes_by_itself() -> None:
    written = yaml.safe_load(contour().object("ConfigMap", "contour")["data"]["contour.yaml"])
    limits = written["cluster"]["circuit-breakers"]
    for limit in ("max-connections", "max-pending-requests", "max-requests"):
        assert limits[limit] > 1024, "the 1,025th is refused although nothing is busy"
    assert limits["max-retries"] > 3


def test_envoy_refuses_requests_before_the_kernel_ends_it() -> None:
    pod = envoy(contour())
    heap = bootstrap_option(pod, "--overload-max-heap")
    allowed = int(container(pod, "envoy")["resources"]["limits"]["memory"].removesuffix("Mi")) * 2**20
    assert 0.8 * allowed < heap < 0.95 * allowed, "not all that it holds is heap"


def bootstrap_option(pod: Any, option: str) -> int:
    (bootstrap,) = [item for item in pod["initContainers"] if item["name"] == "envoy-initconfig"]
    (value,) = [int(item.partition("=")[2]) for item in bootstrap["args"] if item.startswith(f"{option}=")]
    return value


def test_envoy_takes_more_connections_than_one_service_has_streams_and_not_any_number() -> None:
    recording = contour()
    written = yaml.safe_load(recording.object("ConfigMap", "contour")["data"]["contour.yaml"])
    connections = bootstrap_option(envoy(recording), "--overload-downstream-max-conn")
    limit = container(envoy(recording), "envoy")["resources"]["limits"]["memory"]
    assert connections > written["cluster"]["circuit-breakers"]["max-connections"]
    # 64 KiB is what an open WebSocket took: docs/benchmarks.md.
    assert connections * 64 < int(limit.removesuffix("Mi")) * 2**10 / 2, "idle ones alone would fill it"


def test_one_http2_connection_is_not_a_thousand_streams() -> None:
    written = yaml.safe_load(contour().object("ConfigMap", "contour")["data"]["contour.yaml"])
    assert written["listener"]["http2-max-concurrent-streams"] <= 100, (
        "each may hold 16 MiB for a client that does not read"
    )


def test_slow_listeners_fit_into_envoys_memory() -> None:
    """Those of HTTP/1.1 and of WebSockets."""
    recording = contour()
    written = yaml.safe_load(recording.object("ConfigMap", "contour")["data"]["contour.yaml"])
    buffers = [written[side]["per-connection-buffer-limit-bytes"] for side in ("listener", "cluster")]
    streams = written["cluster"]["circuit-breakers"]["max-requests"]
    limit = container(envoy(recording), "envoy")["resources"]["limits"]["memory"]
    assert sum(buffers) * streams < int(limit.removesuffix("Mi")) * 2**20 / 2


def test_many_routes_are_written_as_fast_as_they_come() -> None:
    written = yaml.safe_load(contour().object("ConfigMap", "contour")["data"]["contour.yaml"])
    assert written["kubernetesClientQPS"] > 5, (
        "client-go's own: a leader that writes takes no change meanwhile"
    )
    assert written["kubernetesClientBurst"] >= written["kubernetesClientQPS"]


def test_contour_collects_its_garbage_before_the_kernel_ends_it() -> None:
    found = container(contour().object("Deployment", "contour")["spec"]["template"]["spec"], "contour")
    (limit,) = [
        int(item["value"].removesuffix("MiB")) for item in found["env"] if item["name"] == "GOMEMLIMIT"
    ]
    allowed = int(found["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert 0.8 * allowed < limit < 0.95 * allowed, "some of it is not Go's heap"


def test_a_contour_at_work_is_not_taken_for_dead() -> None:
    found = container(contour().object("Deployment", "contour")["spec"]["template"]["spec"], "contour")
    assert found["livenessProbe"]["httpGet"]["path"] == "/healthz", "upstream's own probe"
    assert found["livenessProbe"]["timeoutSeconds"] >= 5


def test_one_of_two_contours_survives_a_drain() -> None:
    recording = contour()
    assert recording.object("Deployment", "contour")["spec"]["replicas"] == 2
    assert recording.object("PodDisruptionBudget", "contour")["spec"]["minAvailable"] == 1


def test_certificates_between_contour_and_envoy_outlive_a_year_without_updates() -> None:
    job = recording_job(contour())
    assert "--certificate-lifetime=3650" in job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert "ttlSecondsAfterFinished" not in job["spec"], (
        "a refresh would find it gone, and make it anew each time"
    )


def recording_job(recording: Recording) -> Any:
    (job,) = recording.objects("Job")
    return job


def test_a_mirror_serves_every_image() -> None:
    pod = envoy(contour(image_registry="mirror.example.com"))
    images = {item["image"] for item in [*pod["containers"], *pod["initContainers"]]}
    assert images == {
        "mirror.example.com/projectcontour/contour:v1.33.8",
        "mirror.example.com/envoyproxy/envoy:distroless-v1.38.9",
    }
