"""What a stack's settings refuse, each with the key, the value, the reason and the way out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from stacks.load import load
from stacks.problems import Problem, SettingsError
from stacks.settings import ExistingClaim
from stacks.state_checks import moved
from tests.support import settings

PROD: dict[str, Any] = {**settings.PROD, "edgeCidrs": ["10.64.0.0/20"]}

CUSTOM: dict[str, Any] = {
    "port": 8000,
    "speechPath": "/speak",
    "outputsPath": "/outputs",
    "user": 1000,
    "cpuRequest": "1",
    "memoryRequest": "1Gi",
    "memoryLimit": "2Gi",
    "pullSeconds": 60,
    "startupSeconds": 60,
    "synthesisSeconds": 60,
}


def problems(
    changes: Mapping[str, Any], stack: str = "prod", existing: Mapping[str, ExistingClaim] | None = None
) -> dict[str, Problem]:
    return settings.problems({**PROD, **changes}, stack, existing)


def test_what_the_others_change_is_fine_by_itself() -> None:
    assert problems({}) == {}


REFUSED: list[tuple[str, Mapping[str, Any], str]] = [
    ("image", {"image": "acme/cosyvoice:latest"}, "can change under a running service"),
    ("image", {"image": "acme/cosyvoice:main"}, "can change"),
    ("image", {"image": "acme/cosyvoice:dev"}, "can change"),
    ("image", {"image": "acme/cosyvoice:cuda12-nightly"}, "can change"),
    ("image", {"image": "acme/cosyvoice"}, "can change"),
    ("image", {"image": "localhost:5000/cosyvoice"}, "can change"),
    ("image", {"image": "acme/cosy voice:1"}, "is not an image"),
    ("domain", {"domain": "https://tts.example.com"}, "not a domain"),
    ("domain", {"domain": "tts.example.com:8443"}, "not a domain"),
    ("domain", {"domain": "localhost"}, "not a domain"),
    ("domain", {"domain": "tts_1.example.com"}, "not a domain"),
    ("domain", {"domain": "192.0.2.1"}, "is an address"),
    ("domain", {"domain": "tts.localhost"}, "Let's Encrypt cannot look up"),
    ("outputsSize", {"outputsSize": "200GB"}, "not a storage size"),
    ("outputsSize", {"outputsSize": "200"}, "not a storage size"),
    ("outputsSize", {"outputsSize": "0Gi"}, "not a storage size"),
    ("outputsSize", {"outputsSize": "-1Gi"}, "not a storage size"),
    ("weightsSize", {"weightsSize": "plenty"}, "not a storage size"),
    ("weightsSize", {"engine": "espeak", "weightsSize": "1Gi"}, "never look at"),
    ("gpusPerPod", {"gpusPerPod": "0"}, "whole GPUs"),
    ("gpusPerPod", {"gpusPerPod": "0.5"}, "whole GPUs"),
    ("gpusPerPod", {"gpusPerPod": "-1"}, "whole GPUs"),
    ("replicas", {"replicas": "0"}, "not a whole number"),
    ("replicas", {"replicas": "2", "accessMode": "ReadWriteOnce"}, "cannot mount one ReadWriteOnce"),
    ("rollout", {"accessMode": "ReadWriteOnce", "rollout": "surge"}, "cannot finish"),
    ("rollout", {"rollout": "rolling"}, "none of the choices"),
    ("accessMode", {"accessMode": "ReadOnlyMany"}, "none of the choices"),
    ("cpuRequest", {"cpuRequest": "8"}, "above the limit of 4"),
    ("cpuRequest", {"cpuLimit": "1"}, "above the limit of 1"),
    ("cpuRequest", {"cpuRequest": "much"}, "not an amount of CPU"),
    ("memoryRequest", {"memoryRequest": "32Gi"}, "above the limit of 16Gi"),
    ("memoryRequest", {"memoryRequest": "8"}, "not an amount of memory"),
    ("engine", {"engine": "cosyvoyce"}, "not an engine"),
    ("engine", {"engine": ["cosyvoice"]}, "not a single value"),
    ("args", {"engine": "vllm-omni"}, "serves whichever model"),
    ("weightsSize", {"engine": "vllm-omni", "args": ["--model", "acme/voice"]}, "downloaded at every start"),
    ("weightsSize", {"engine": "vllm-omni", "args": ["--model=acme/voice"]}, "downloaded at every start"),
    ("weightsSize", {"engine": "glm-tts", "weightsSize": "50Gi"}, "never look at"),
    ("customEngine", {"engine": "custom"}, "nothing describes it"),
    ("customEngine", {"customEngine": CUSTOM}, 'engine is "cosyvoice"'),
    ("customEngine", {"engine": "custom", "customEngine": CUSTOM | {"user": None}}, "does not say why"),
    ("customEngine.port", {"engine": "custom", "customEngine": CUSTOM | {"port": 0}}, "not a port"),
    ("customEngine.prot", {"engine": "custom", "customEngine": CUSTOM | {"prot": 0}}, "not a key"),
    ("issuer", {"issuer": "verisign"}, "none of the choices"),
    ("acmeEmail", {"acmeEmail": ""}, "wants an address"),
    ("acmeEmail", {"acmeEmail": "platform"}, "not an e-mail"),
    ("acmeServer", {"issuer": "acme"}, "none is named"),
    ("acmeServer", {"issuer": "acme", "acmeServer": "http://acme.example.com"}, "not an https URL"),
    ("acmeServer", {"acmeServer": "https://acme.example.com/directory"}, "never asked"),
    ("acmeCa", {"issuer": "acme", "acmeCa": "ca.pem"}, "not a certificate"),
    ("exposure", {"exposure": "node_port"}, "none of the choices"),
    ("edgeCidrs", {"exposure": "host_network", "edgeCidrs": []}, "NetworkPolicy has to name it"),
    ("deletionProtection", {"deletionProtection": "perhaps"}, "neither true nor false"),
    ("certManagerVersion", {"certManagerVersion": "v1.0.0"}, "not a version that is pinned"),
    ("edgeCidrs[0]", {"edgeCidrs": ["0.0.0.0/0"]}, "past Envoy"),
    ("edgeCidrs[0]", {"edgeCidrs": ["::/0"]}, "past Envoy"),
    ("edgeCidrs[1]", {"edgeCidrs": ["10.0.0.0/20", "edge"]}, "not a CIDR"),
    ("edgeCidrs[0]", {"edgeCidrs": ["10.0.0.1/20"]}, "not the way"),
    ("httpsPort", {"httpsPort": "70000"}, "not a port"),
    ("namespace", {"namespace": "TTS"}, "not a name for a namespace"),
    ("kubeconfig", {"kubeconfig": "kubeconfig"}, "depends on the directory"),
    ("clusterServer", {"clusterServer": "10.0.0.1:6443"}, "not the URL of an API server"),
    ("imageRegistry", {"imageRegistry": "https://registry.example.com"}, "not a registry"),
    ("inference.MAX-STREAMS", {"inference": {"MAX-STREAMS": "4"}}, "not a name"),
]


@pytest.mark.parametrize(("key", "changes", "reason"), REFUSED, ids=[f"{row[0]}-{row[2]}" for row in REFUSED])
def test_refused(key: str, changes: Mapping[str, Any], reason: str) -> None:
    found = problems(changes)
    assert key in found, f"accepted, or blamed on {list(found)}"
    assert reason in found[key].lines[0]
    assert found[key].instead, "a refusal without a way out is half of one"


ACCEPTED: list[Mapping[str, Any]] = [
    {"image": "acme/cosyvoice:v1"},
    {"image": "acme/cosyvoice@sha256:" + "0" * 64},
    {"image": "localhost:5000/cosyvoice:2025-11-21"},
    {"outputsSize": "1.5Ti"},
    {"engine": "custom", "customEngine": CUSTOM},
    {
        "engine": "vllm-omni",
        "args": ["--model", "FunAudioLLM/Fun-CosyVoice3-0.5B-2512"],
        "weightsSize": "50Gi",
    },
    {"engine": "vllm-omni", "args": ["--model=/models/cosyvoice3"]},
    {"engine": "vllm-omni", "args": ["--model", "acme/voice"], "inference": {"HF_HUB_OFFLINE": "1"}},
    {"engine": "glm-tts"},
    {"engine": "custom", "customEngine": CUSTOM | {"livenessPath": "/livez"}},
    {"issuer": "acme", "acmeServer": "https://acme.example.com/directory"},
    {"exposure": "host_port", "edgeCidrs": []},
    {"accessMode": "ReadWriteOnce", "rollout": "in-place", "replicas": "1"},
]


@pytest.mark.parametrize("changes", ACCEPTED, ids=str)
def test_accepted(changes: Mapping[str, Any]) -> None:
    assert problems(changes) == {}


def test_one_gpu_node_carries_a_surge_on_one_volume() -> None:
    assert problems({"issuer": "in-cluster-ca", "accessMode": "ReadWriteOnce"}, stack="local") == {}


@pytest.mark.parametrize(("key", "nearest"), [("acessMode", "accessMode"), ("gpus_per_pod", "gpusPerPod")])
def test_an_unknown_key_names_the_nearest(key: str, nearest: str) -> None:
    assert problems({key: "1"})[key].instead == f"Did you mean {nearest}?"


def test_a_missing_key_is_named() -> None:
    assert "Every stack sets this key" in problems({"domain": ""})["domain"].why


def test_a_stack_without_a_profile_is_told_which_there_are() -> None:
    (problem,) = problems({}, stack="qa").values()
    assert "dev, local, prod" in problem.instead


class TestWhatIsThere:
    there = ExistingClaim(
        size="300Gi", access_mode="ReadWriteMany", storage_class="efs", asked_class="efs", namespace="tts"
    )
    kept: ClassVar[dict[str, Any]] = {"outputsSize": "300Gi", "storageClass": "efs"}
    """What the volume that is there was asked for with."""

    def test_a_volume_does_not_shrink(self) -> None:
        problem = problems({"outputsSize": "200Gi"}, existing={"outputs": self.there})["outputsSize"]
        assert "smaller than the volume that is there (300Gi)" in problem.why

    def test_nor_do_the_weights(self) -> None:
        problem = problems({"weightsSize": "1Gi"}, existing={"weights": self.there})["weightsSize"]
        assert "smaller than the volume that is there (300Gi)" in problem.why

    def test_sizes_are_compared_by_what_they_amount_to(self) -> None:
        assert problems(self.kept | {"outputsSize": "1Ti"}, existing={"outputs": self.there}) == {}

    def test_a_volume_with_utterances_in_it_is_not_replaced(self) -> None:
        found = problems(
            self.kept | {"accessMode": "ReadWriteOnce", "storageClass": "gp3"},
            existing={"outputs": self.there},
        )
        assert "would delete the volume" in found["accessMode"].why
        assert found["accessMode"].instead == "Write accessMode: ReadWriteMany."
        assert "would delete the volume" in found["storageClass"].why
        assert found["storageClass"].instead == "Write storageClass: efs."

    def test_nor_are_weights(self) -> None:
        changes = {"weightsSize": "300Gi", "accessMode": "ReadWriteOnce", "storageClass": "gp3"}
        assert {"accessMode", "storageClass"} <= set(problems(changes, existing={"weights": self.there}))

    def test_the_class_that_was_asked_for_stays_written(self) -> None:
        found = problems(self.kept | {"storageClass": ""}, existing={"outputs": self.there})
        assert "is not set, which would delete the volume" in found["storageClass"].why
        assert found["storageClass"].instead == "Write storageClass: efs.", (
            "an empty class is another request, also where efs is the cluster's default"
        )

    def test_the_clusters_default_class_is_not_a_change(self) -> None:
        default = replace(self.there, asked_class="")
        assert problems({"outputsSize": "300Gi"}, existing={"outputs": default}) == {}

    def test_nor_may_the_default_be_named_afterwards(self) -> None:
        found = problems(self.kept, existing={"outputs": replace(self.there, asked_class="")})
        assert found["storageClass"].instead == "Take storageClass out."

    @pytest.mark.parametrize(("wanted", "refused"), [("", False), ("efs", False), ("gp3", True)])
    def test_a_claim_that_does_not_say_what_was_asked_for_is_told_by_its_class(
        self, wanted: str, refused: bool
    ) -> None:
        silent = replace(self.there, asked_class=None)
        assert (
            "storageClass" in problems(self.kept | {"storageClass": wanted}, existing={"outputs": silent})
        ) is refused

    def test_the_namespace_of_volumes_stays(self) -> None:
        problem = problems(self.kept | {"namespace": "speech"}, existing={"outputs": self.there})["namespace"]
        assert "would delete the volume" in problem.why
        assert problem.instead == "Write namespace: tts."

    def test_downloaded_weights_are_not_thrown_away(self) -> None:
        existing = {"outputs": self.there, "weights": self.there}
        problem = problems(self.kept, existing=existing)["weightsSize"]
        assert "would delete the volume" in problem.why
        assert problem.instead.startswith("Write weightsSize: 300Gi.")

    def test_an_engine_without_weights_may_follow_one_that_has_them(self) -> None:
        changes = self.kept | {"engine": "espeak", "weightsSize": "300Gi"}
        assert problems(changes, existing={"weights": self.there}) == {}, "it could neither stay nor go"


class TestWhereItIs:
    here, elsewhere = "https://10.0.0.1:6443", "https://10.0.0.2:6443"

    def test_a_first_deployment_goes_anywhere(self) -> None:
        assert list(moved(self.here, None, None)) == []

    def test_the_same_server_is_no_move(self) -> None:
        assert list(moved(self.here, self.here, None)) == []
        assert list(moved(self.here, f"{self.here}/", None)) == []

    def test_another_server_is_refused_with_both_ways_out(self) -> None:
        (problem,) = moved(self.here, self.elsewhere, None)
        assert problem.key == "clusterServer"
        assert f"write clusterServer: {self.here}" in problem.instead
        assert "destroy this stack first" in problem.instead

    def test_a_new_address_that_is_named_is_taken(self) -> None:
        assert list(moved(self.here, self.elsewhere, self.here)) == []

    def test_a_named_server_is_held_to(self) -> None:
        (problem,) = moved(self.elsewhere, self.elsewhere, self.here)
        assert problem.value == self.here


class TestSecrets:
    def test_an_encrypted_key_is_refused_without_its_value(self) -> None:
        inference = {"API_KEY": "hunter2", "bad-name": "hunter2"}
        with pytest.raises(SettingsError) as refused:
            load("prod", {**PROD, "inference": inference}, {}, {"inference"})
        (problem,) = refused.value.problems
        assert problem.key == "inference"
        assert "--plaintext" in problem.instead
        assert "hunter2" not in str(refused.value)

    def test_a_mandatory_one_is_not_missing_too(self) -> None:
        with pytest.raises(SettingsError) as refused:
            load("prod", PROD, {}, {"domain"})
        assert [problem.key for problem in refused.value.problems] == ["domain"]


def test_all_problems_are_reported_at_once_in_one_shape() -> None:
    with pytest.raises(SettingsError) as refused:
        load(
            "prod",
            {**PROD, "image": "acme/cosyvoice:latest", "accessMode": "ReadWriteOnce", "replicas": "1"},
            {},
        )
    assert str(refused.value) == "\n".join(
        (
            "Pulumi.prod.yaml: 2 problems",
            '  tts-platform:image   "acme/cosyvoice:latest" can change under a running service.',
            "                       Write a version tag (acme/cosyvoice:1.4.2) or a digest "
            "(acme/cosyvoice@sha256:...).",
            '  tts-platform:rollout "surge" with a ReadWriteOnce volume cannot finish: the new pod waits for a volume '
            "that the old one holds.",
            "                       Write rollout: in-place, or accessMode: ReadWriteMany.",
        )
    )
