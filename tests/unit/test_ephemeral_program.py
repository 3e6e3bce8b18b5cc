"""The whole program as an ephemeral stack, seen by a recording engine: the service, and nothing of a platform."""

import asyncio
import json
import runpy
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import MockCallArgs

from components.end_of_life import END_OF_LIFE_TYPE
from stacks.ephemeral_settings import moment_text
from tests.support.project import ROOT
from tests.support.recording import Recording

EXPIRES = moment_text(datetime.now(UTC) + timedelta(hours=8))

SETTINGS: Mapping[str, Any] = {
    "domain": "trial.tts.localhost",
    "engine": "espeak",
    "image": "localhost/tts-platform/espeak:1.0.0",
    "replicas": "1",
    "gpusPerPod": "1",
    "outputsSize": "1Gi",
    "namespace": "tts-trial",
    "httpsPort": "8443",
    "snapshots": "none",
    "platform": "local",
    "expires": EXPIRES,
    "stateId": "0123456789abcdef",
}


class Engine(Recording):
    """A stack without a state."""

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        assert args.token == "pulumi:pulumi:readStackResourceOutputs", "nothing is to be installed"  # noqa: S105 - a call
        return {"outputs": {}}, []


@pytest.fixture(autouse=True)
def _settings_end_with_the_test() -> Iterator[None]:
    yield
    pulumi.runtime.set_all_config({})


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
                "clusters": [{"name": "it", "cluster": {"server": "https://127.0.0.1:1"}}],
            }
        )
    )

    def run(**changes: Any) -> Engine:
        keys = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
        values = {key: about["default"] for key, about in keys.items()}
        values |= {**SETTINGS, "kubeconfig": str(kubeconfig), **changes}
        settings = {
            f"tts-platform:{key}": value if isinstance(value, str) else json.dumps(value)
            for key, value in values.items()
        }
        monkeypatch.setenv("PULUMI_CONFIG", json.dumps(settings))
        pulumi.runtime.set_all_config(settings)
        engine = Engine()
        asyncio.set_event_loop(asyncio.new_event_loop())
        pulumi.runtime.set_mocks(engine, project="tts-platform", stack="ephemeral-trial", preview=False)
        whole = pulumi.runtime.test(lambda: runpy.run_path(str(ROOT / "__main__.py")) and None)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
        whole()
        return engine

    return run


def kinds(engine: Engine) -> set[str]:
    return {item.type.rpartition(":")[2] for item in engine.resources if item.type.startswith("kubernetes:")}


def test_it_is_the_service_alone(program: Any) -> None:
    assert kinds(program()) == {
        "Namespace",
        "ServiceAccount",
        "ResourceQuota",
        "NetworkPolicy",
        "ConfigMap",
        "PersistentVolumeClaim",
        "Service",
        "Deployment",
        "Certificate",
        "HTTPProxy",
    }, "what is the platform's would be taken from it, and go with the trial"


def test_everything_is_in_its_own_namespace(program: Any) -> None:
    engine = program()
    namespaces = {
        item.inputs["metadata"].get("namespace")
        for item in engine.resources
        if item.type.startswith("kubernetes:") and item.type != "kubernetes:core/v1:Namespace"
    }
    assert namespaces == {"tts-trial"}
    labels = engine.object("Namespace", "tts-trial")["metadata"]["labels"]
    assert labels["tts-platform/state-id"] == "0123456789abcdef", "nobody could tell whose it is"


def test_the_platforms_issuer_signs(program: Any) -> None:
    certificate = program().object("Certificate", "speech")
    assert certificate["spec"]["issuerRef"] == {"name": "in-cluster-ca", "kind": "ClusterIssuer"}
    assert certificate["spec"]["dnsNames"] == ["trial.tts.localhost"]


def test_the_quota_is_what_the_service_takes(program: Any) -> None:
    hard = program(weightsSize="").object("ResourceQuota", "service")["spec"]["hard"]
    assert hard["requests.nvidia.com/gpu"] == "1", "a forgotten trial would take every GPU there is"
    assert hard["requests.storage"] == str(1024**3)
    assert hard["limits.memory"] == str((256 + 128) * 1024**2)
    assert (hard["persistentvolumeclaims"], hard["pods"]) == ("1", "2")


def test_a_larger_service_has_a_larger_quota(program: Any) -> None:
    hard = program(gpusPerPod="2", memoryLimit="1Gi", outputsSize="3Gi").object("ResourceQuota", "service")[
        "spec"
    ]["hard"]
    assert hard["requests.nvidia.com/gpu"] == "2"
    assert hard["requests.storage"] == str(3 * 1024**3)
    assert hard["limits.memory"] == str((1024 + 128) * 1024**2), "its own pod would be refused"


def test_its_end_is_noted_before_anything_is_made(program: Any) -> None:
    engine = program()
    types = [item.type for item in engine.resources]
    first = next(place for place, kind in enumerate(types) if kind.startswith("kubernetes:"))
    assert types.index(END_OF_LIFE_TYPE) < first, "an update that is killed would leave what nobody reaps"


def test_it_begins_with_a_snapshot_and_takes_none(program: Any) -> None:
    engine = program(snapshots="csi", snapshotDriver="btrfs.csi.tts-platform.local", outputsFrom="snap-1")
    (content,) = engine.objects("VolumeSnapshotContent")
    assert content["spec"]["source"] == {"snapshotHandle": "snap-1"}
    assert content["spec"]["deletionPolicy"] == "Retain", (
        "the platform's own snapshot would go with the trial"
    )
    assert engine.object("VolumeSnapshotClass", "tts-trial-snapshots"), (
        "the cluster's name for it is the trial's own"
    )
    assert not {"Job", "CronJob"} & kinds(engine)
