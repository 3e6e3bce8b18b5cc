"""The sums of the program's benchmark."""

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.bench.program import floor, imports
from tests.bench.program.processes import measured
from tests.bench.program.shares import CLUSTER, IMPORT, PROGRAM, WAITING, Shares


def test_the_shares_add_up_to_the_time_that_passed() -> None:
    shares = Shares(importing=1.0)
    shares.begin({CLUSTER: 100.0}, 10.0)
    shares.look({CLUSTER: 100.2, PROGRAM: 0.3}, 11.0)
    shares.look({CLUSTER: 101.2, PROGRAM: 1.3}, 12.0)
    shares.look({CLUSTER: 101.2}, 13.0)
    assert sum(shares.wall.values()) == pytest.approx(3.0), (
        "a share of something else than the time says nothing"
    )
    assert shares.wall[WAITING] == pytest.approx(0.5 + 1.0), "who computes nothing waits"
    assert shares.cpu[CLUSTER] == pytest.approx(1.2), "what the cluster did before is not this command's"
    assert shares.cpu[IMPORT] == pytest.approx(1.0), "the program's first seconds are its imports"
    assert shares.cpu[PROGRAM] == pytest.approx(0.3), "and only what is left is what it does"


def _object(kind: str, api_version: str = "v1", namespace: str | None = None) -> dict[str, Any]:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": kind.lower(), "namespace": namespace},
    }


def test_kubectl_applies_an_object_after_what_it_needs(tmp_path: Any) -> None:
    found = [
        _object("Deployment", "apps/v1", "tts"),
        _object("Job", "batch/v1", "tts"),
        _object("ClusterIssuer", "cert-manager.io/v1"),
        _object("Deployment", "apps/v1", "cert-manager"),
        _object("CustomResourceDefinition", "apiextensions.k8s.io/v1"),
    ]
    lines = floor.applying(found, "tts", tmp_path).splitlines()
    order = [line for line in lines if line.startswith("kubectl wait")]
    wanted = ["customresourcedefinition", "cert-manager", "clusterissuer", "job", "tts"]
    positions = [next(i for i, line in enumerate(order) if what in line.lower()) for what in wanted]
    assert positions[0] < positions[1] < positions[2], "the webhook refuses an issuer before it runs"
    assert positions[3] < len(order) - 1, "the snapshot is before the pods"
    assert "namespace=tts deployment" in order[-1].lower(), "the service's pods come last"


def test_only_what_is_in_the_cluster_is_applied() -> None:
    resources = [
        {"type": "kubernetes:core/v1:Namespace", "custom": True, "inputs": {"kind": "Namespace", "__x": 1}},
        {"type": "tts-platform:tts:TtsService", "custom": False, "inputs": {}},
        {"type": "pulumi:providers:kubernetes", "custom": True, "inputs": {}},
    ]
    found = floor.objects({"deployment": {"resources": resources}})
    assert found == [{"kind": "Namespace"}], "what the provider notes for itself is no field of an object"
    with pytest.raises(ValueError, match="nothing to apply"):
        floor.objects({"deployment": {"resources": []}})


def test_the_program_imports_no_http_client() -> None:
    run = imports.statements() + "\nimport sys; sys.exit('httpx' in sys.modules)"
    imports.imported(run)


def test_a_command_that_is_interrupted_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = f"30.{os.getpid()}"

    def ghosts() -> list[int]:
        found = psutil.process_iter(["cmdline"])
        return [one.pid for one in found if one.info["cmdline"] == ["sleep", seconds]]

    def interrupted(_: float) -> None:
        if ghosts():
            raise KeyboardInterrupt

    stopped = SimpleNamespace(monotonic=time.monotonic, sleep=interrupted)
    monkeypatch.setattr("tests.bench.program.processes.time", stopped)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        measured(["sh", "-c", f"sleep {seconds}; true"], tmp_path, dict(os.environ), cluster=psutil.Process())
    assert time.monotonic() - started < 20, "what is left of it holds its output open"
    assert not ghosts(), "the next command is measured together with what is left of this one"
