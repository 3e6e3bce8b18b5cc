"""What the speech service registers, seen by a recording engine."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi_kubernetes as kubernetes
import pytest

from components.edge import Exposure
from components.tts.engine import Egress
from components.tts.rollout import Rollout
from components.tts.service import TtsService, TtsServiceArgs
from components.tts.storage import Volume
from stacks.engines import COSYVOICE, ENGINES, ESPEAK, VLLM_OMNI
from tests.support.recording import Recording, record

ARGS = TtsServiceArgs(
    namespace="tts",
    engine=ESPEAK,
    image="registry.example.com/speech/espeak:1.0.0",
    arguments=(),
    settings={"MAX_STREAMS": "4"},
    replicas=1,
    gpus=1,
    rollout=Rollout.SURGE,
    outputs=Volume(size="1Gi", access_mode="ReadWriteOnce"),
    weights=None,
    protect=False,
    domain="tts.example.com",
    issuer_name="in-cluster-ca",
    acme=False,
    exposure=Exposure.HOST_PORT,
    edge_cidrs=(),
)

WEIGHTS = Volume(size="50Gi", access_mode="ReadWriteMany")


def service(**changes: Any) -> Recording:
    args = replace(ARGS, **changes)

    def program() -> None:
        TtsService("tts", args)

    return record(program)


def pod(recording: Recording) -> Any:
    return recording.object("Deployment", "speech")["spec"]["template"]["spec"]


def container(recording: Recording) -> Any:
    return pod(recording)["containers"][0]


class TestNetworkPolicies:
    def test_nothing_is_allowed_by_default(self) -> None:
        spec = service().object("NetworkPolicy", "deny-all")["spec"]
        assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, "all else is decoration"

    @pytest.mark.parametrize("exposure", [Exposure.HOST_PORT, Exposure.LOAD_BALANCER])
    def test_envoy_in_a_pod_is_named_by_its_labels(self, exposure: Exposure) -> None:
        policy = service(exposure=exposure).object("NetworkPolicy", "envoy-to-speech")["spec"]
        (source,) = policy["ingress"][0]["from"]
        assert source["podSelector"] == {"matchLabels": {"app": "envoy"}}
        assert source["namespaceSelector"] == {
            "matchLabels": {"kubernetes.io/metadata.name": "projectcontour"}
        }, "any namespace could label a pod app=envoy"

    def test_envoy_in_its_nodes_network_is_named_by_address(self) -> None:
        recording = service(exposure=Exposure.HOST_NETWORK, edge_cidrs=("198.18.0.0/24",))
        policy = recording.object("NetworkPolicy", "envoy-to-speech")["spec"]
        assert policy["ingress"][0]["from"] == [{"ipBlock": {"cidr": "198.18.0.0/24"}}], (
            "a selector never matches a pod in its node's network: nobody would reach the service"
        )

    def test_host_network_without_addresses_is_refused(self) -> None:
        with pytest.raises(ValueError, match="CIDRs"):
            service(exposure=Exposure.HOST_NETWORK, edge_cidrs=())

    def test_only_the_speech_port_is_open(self) -> None:
        policy = service().object("NetworkPolicy", "envoy-to-speech")["spec"]
        assert policy["ingress"][0]["ports"] == [{"port": 8091, "protocol": "TCP"}]

    def test_an_engine_without_egress_reaches_dns_and_nothing_else(self) -> None:
        policies = [item["metadata"]["name"] for item in service().objects("NetworkPolicy")]
        assert sorted(policies) == ["deny-all", "dns", "envoy-to-speech"]

    @pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
    def test_weights_in_the_image_reach_no_model_hub(self, engine: Any) -> None:
        policies = [item["metadata"]["name"] for item in service(engine=engine).objects("NetworkPolicy")]
        assert "engine-egress" not in policies, "the whole internet, for a download that never comes"

    def test_what_an_engine_always_needs_is_allowed_without_a_volume_too(self) -> None:
        engine = replace(ESPEAK, egress=(Egress(reason="Licences.", cidr="192.0.2.7/32", port=443),))
        policy = service(engine=engine).object("NetworkPolicy", "engine-egress")["spec"]
        assert policy["egress"][0]["to"][0]["ipBlock"]["cidr"] == "192.0.2.7/32"

    def test_a_download_of_weights_does_not_open_the_clouds_metadata(self) -> None:
        policy = service(engine=COSYVOICE, weights=WEIGHTS).object("NetworkPolicy", "engine-egress")["spec"]
        block = policy["egress"][0]["to"][0]["ipBlock"]
        assert "169.254.0.0/16" in block["except"], "the node's credentials are one request away there"
        assert policy["egress"][0]["ports"] == [{"port": 443, "protocol": "TCP"}]

    def test_an_acme_server_reaches_the_solver(self) -> None:
        policy = service(acme=True).object("NetworkPolicy", "envoy-to-acme-solver")["spec"]
        assert policy["podSelector"]["matchLabels"] == {"acme.cert-manager.io/http01-solver": "true"}, (
            "under deny-all the challenge is never answered, and no certificate comes"
        )


class TestPods:
    def test_gpu_request_is_its_limit(self) -> None:
        resources = container(service(gpus=2))["resources"]
        assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == "2"

    def test_they_run_on_gpu_nodes(self) -> None:
        spec = pod(service())
        assert spec["nodeSelector"] == {"tts-platform/pool": "gpu"}
        assert spec["tolerations"][0]["key"] == "nvidia.com/gpu", (
            "the pool's taint keeps out who does not tolerate it"
        )

    def test_they_have_no_token(self) -> None:
        recording = service()
        assert pod(recording)["automountServiceAccountToken"] is False
        assert recording.object("ServiceAccount", "speech")["automountServiceAccountToken"] is False

    def test_they_have_no_privileges(self) -> None:
        recording = service()
        security = container(recording)["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True
        assert pod(recording)["securityContext"]["runAsNonRoot"] is True

    @pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
    def test_pod_security_is_restricted_or_the_reason_is_given(self, engine: Any) -> None:
        metadata = service(engine=engine).object("Namespace", "tts")["metadata"]
        enforced = metadata["labels"]["pod-security.kubernetes.io/enforce"]
        assert enforced == "restricted" or metadata["annotations"]["tts-platform/runs-as-root"]

    @pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
    def test_they_have_the_time_to_finish_a_synthesis(self, engine: Any) -> None:
        spec = pod(service(engine=engine))
        drain = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert spec["terminationGracePeriodSeconds"] > drain + engine.synthesis_seconds

    def test_new_settings_make_new_pods(self) -> None:
        def annotations(settings: dict[str, str]) -> Any:
            template = service(settings=settings).object("Deployment", "speech")["spec"]["template"]
            return template["metadata"]["annotations"]

        assert annotations({"A": "1"}) != annotations({"A": "2"}), "a pod reads its environment once"
        assert annotations({"A": "1"}) == annotations({"A": "1"})

    def test_settings_join_the_engines_own(self) -> None:
        data = service().object("ConfigMap", "inference-cfg")["data"]
        assert data == {"OUTPUTS_DIR": "/outputs", "MAX_STREAMS": "4"}

    def test_weights_are_mounted_where_the_engine_looks(self) -> None:
        recording = service(engine=VLLM_OMNI, weights=WEIGHTS)
        mounts = {item["name"]: item["mountPath"] for item in container(recording)["volumeMounts"]}
        assert mounts["weights"] == "/root/.cache/huggingface"
        assert mounts["shared-memory"] == "/dev/shm"  # noqa: S108 - in the pod
        assert recording.object("PersistentVolumeClaim", "weights")["spec"]["accessModes"] == [
            "ReadWriteMany"
        ]

    def test_weights_in_the_image_are_not_hidden_by_a_volume(self) -> None:
        mounts = {item["name"] for item in container(service(engine=VLLM_OMNI))["volumeMounts"]}
        assert "weights" not in mounts


class TestStorage:
    @pytest.mark.parametrize(("asked", "written"), [("gp3", "gp3"), (None, "")])
    def test_a_claim_says_which_class_was_asked_for(self, asked: str | None, written: str) -> None:
        volume = Volume(size="1Gi", access_mode="ReadWriteOnce", storage_class=asked)
        claim = service(outputs=volume).object("PersistentVolumeClaim", "outputs")
        assert claim["metadata"]["annotations"]["tts-platform/storage-class"] == written, (
            "the cluster fills in its default, which then cannot be told from a class that was asked for"
        )

    def test_a_class_that_is_yet_to_be_made_is_named_once_it_is(self) -> None:
        def program() -> None:
            made = kubernetes.storage.v1.StorageClass("disks", metadata={"name": "gp3"}, provisioner="disks")
            volume = Volume(size="1Gi", access_mode="ReadWriteOnce", storage_class=made.metadata["name"])
            TtsService("tts", replace(ARGS, outputs=volume))

        claim = record(program).object("PersistentVolumeClaim", "outputs")
        assert claim["spec"]["storageClassName"] == "gp3"
        assert claim["metadata"]["annotations"]["tts-platform/storage-class"] == "gp3", (
            "the next run compares it with the settings, and would refuse a class that is the same"
        )

    def test_a_volume_that_exists_is_bound_and_no_other_made(self) -> None:
        volume = Volume(size="1Gi", access_mode="ReadWriteMany", volume_name="tts-outputs")
        claim = service(outputs=volume).object("PersistentVolumeClaim", "outputs")
        assert claim["spec"]["volumeName"] == "tts-outputs"
        assert claim["spec"]["storageClassName"] == "", (
            "with no class named the cluster fills in its default, which the volume is not of: it is never bound"
        )
        assert claim["metadata"]["annotations"]["tts-platform/storage-class"] == "", "none was asked for"

    def test_a_volume_that_exists_has_no_class_to_be_made_of(self) -> None:
        with pytest.raises(ValueError, match="bound as it is"):
            Volume(size="1Gi", access_mode="ReadWriteMany", storage_class="gp3", volume_name="tts-outputs")

    def test_a_claim_without_either_names_neither(self) -> None:
        spec = service().object("PersistentVolumeClaim", "outputs")["spec"]
        assert spec == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}, (
            "a claim's wishes cannot be changed: a stack that is there would lose its volume"
        )


class TestProbes:
    def test_startup_waits_for_as_long_as_the_model_loads(self) -> None:
        probe = container(service(engine=VLLM_OMNI))["startupProbe"]
        assert probe["failureThreshold"] * probe["periodSeconds"] >= VLLM_OMNI.startup_seconds

    def test_ready_is_the_engines_health_path(self) -> None:
        assert container(service())["readinessProbe"]["httpGet"] == {"path": "/health", "port": "speech"}

    def test_an_engine_without_a_health_path_is_ready_when_its_port_is_open(self) -> None:
        probe = container(service(engine=COSYVOICE))["readinessProbe"]
        assert probe["tcpSocket"] == {"port": "speech"}
        assert "httpGet" not in probe

    def test_liveness_is_not_readiness(self) -> None:
        probe = container(service())["livenessProbe"]
        assert probe["httpGet"] == {"path": "/livez", "port": "speech"}, (
            "its health path answers 503 while it drains, and it would be killed for draining"
        )

    def test_an_engine_without_a_liveness_path_lives_while_its_port_is_open(self) -> None:
        probe = container(service(engine=COSYVOICE))["livenessProbe"]
        assert probe["tcpSocket"] == {"port": "speech"}
        assert "httpGet" not in probe

    @pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
    def test_nobody_is_killed_for_being_busy(self, engine: Any) -> None:
        probe = container(service(engine=engine))["livenessProbe"]
        assert probe["failureThreshold"] * probe["periodSeconds"] > engine.synthesis_seconds


class TestRollout:
    def test_surge_keeps_the_old_pod_until_the_new_one_is_ready(self) -> None:
        strategy = service().object("Deployment", "speech")["spec"]["strategy"]
        assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}

    def test_in_place_takes_no_second_gpu(self) -> None:
        strategy = service(rollout=Rollout.IN_PLACE).object("Deployment", "speech")["spec"]["strategy"]
        assert strategy["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}

    @pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
    def test_the_deadline_leaves_time_to_pull_and_to_load(self, engine: Any) -> None:
        spec = service(engine=engine).object("Deployment", "speech")["spec"]
        assert spec["progressDeadlineSeconds"] >= engine.pull_seconds + engine.startup_seconds

    @pytest.mark.parametrize(("replicas", "budgets"), [(1, 0), (2, 1)])
    def test_a_disruption_budget_only_where_it_cannot_block_a_drain(
        self, replicas: int, budgets: int
    ) -> None:
        assert len(service(replicas=replicas).objects("PodDisruptionBudget")) == budgets


class TestRoute:
    def routes(self, **changes: Any) -> list[Any]:
        routes: list[Any] = service(**changes).object("HTTPProxy", "speech")["spec"]["routes"]
        return routes

    def test_websockets_are_on_where_the_engine_streams(self) -> None:
        enabled = [item["conditions"][0]["prefix"] for item in self.routes() if item.get("enableWebsockets")]
        assert enabled == ["/v1/audio/speech/stream"]

    def every_route(self, holds: Callable[[Any], bool]) -> bool:
        return all(holds(route) for route in self.routes())

    def test_only_what_no_pod_has_heard_of_is_tried_again(self) -> None:
        unheard = {"connect-failure", "reset-before-request"}
        assert self.every_route(lambda route: set(route["retryPolicy"]["retryOn"]) == unheard), (
            "it would cost the GPU twice"
        )
        assert self.every_route(lambda route: 1 <= route["retryPolicy"]["count"] <= 3), (
            "each waits for 2 s at most"
        )

    def test_a_long_stream_lives_and_a_dead_one_ends(self) -> None:
        assert self.every_route(
            lambda route: route["timeoutPolicy"] == {"response": "infinity", "idle": "5m"}
        )

    def test_the_least_busy_pod_is_next(self) -> None:
        assert self.every_route(
            lambda route: route["loadBalancerPolicy"] == {"strategy": "WeightedLeastRequest"}
        )

    def test_pods_are_asked_for_their_health(self) -> None:
        assert self.every_route(lambda route: route["healthCheckPolicy"]["path"] == "/health")
        assert all("healthCheckPolicy" not in route for route in self.routes(engine=COSYVOICE))

    def test_tls_is_1_2_at_least(self) -> None:
        tls = service().object("HTTPProxy", "speech")["spec"]["virtualhost"]["tls"]
        assert tls == {"secretName": "speech-tls", "minimumProtocolVersion": "1.2"}

    def test_an_acme_certificate_is_not_waited_for(self) -> None:
        waits = service(acme=True).object("Certificate", "speech")["metadata"].get("annotations", {})
        assert waits == {}, "the first deployment would hang: the DNS record can only follow it"
        assert service().object("Certificate", "speech")["metadata"]["annotations"] == {
            "pulumi.com/waitFor": "condition=Ready"
        }
