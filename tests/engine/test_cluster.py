"""The connection's life in the real engine, which never asks a cluster for it."""

import json
from typing import Any

import pytest
import yaml

from tests.support.project import Project

_PROGRAM = """
import pulumi
from components.cluster import ClusterArgs, connect
config = pulumi.Config("tts-platform")
connect("cluster", ClusterArgs(kubeconfig=config.require("kubeconfig"), context="it", server=config.require("server")))
"""


@pytest.fixture
def connection(project: Project) -> Project:
    """A project that has the connection and nothing else."""
    for name, text in (
        ("__main__.py", _PROGRAM),
        ("Pulumi.yaml", "name: tts-platform\nruntime: python\n"),
    ):
        (project.directory / name).unlink()
        (project.directory / name).write_text(text, encoding="utf-8")
    created = project.pulumi("stack", "init", "local")
    assert created.code == 0, created.output
    return project


def update(project: Project, server: str) -> dict[str, Any]:
    """The resources after an update to `server`, by type."""
    kubeconfig = project.directory / server.removeprefix("https://")
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {}}],
    }
    kubeconfig.write_text(yaml.safe_dump(document), encoding="utf-8")
    settings = {"tts-platform:kubeconfig": str(kubeconfig), "tts-platform:server": server}
    file = project.directory / "Pulumi.local.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(yaml.safe_dump({**document, "config": settings}), encoding="utf-8")
    finished = project.pulumi("up", "--yes", "--skip-preview", "--stack", "local")
    assert finished.code == 0, finished.output
    return resources(exported(project))


def exported(project: Project) -> Any:
    return json.loads(project.pulumi("stack", "export", "--stack", "local").output)


def resources(state: Any) -> dict[str, Any]:
    return {item["type"]: item for item in state["deployment"]["resources"]}


def test_a_new_address_is_no_new_cluster(connection: Project) -> None:
    first = update(connection, "https://a.invalid")
    assert first["tts-platform:cluster:Record"]["outputs"] == {"server": "https://a.invalid"}

    # A stack whose provider goes by another identifier.
    state = exported(connection)
    provider = resources(state)["pulumi:providers:kubernetes"]
    provider["inputs"]["clusterIdentifier"] = provider["outputs"]["clusterIdentifier"] = "https://a.invalid"
    imported = connection.pulumi("stack", "import", "--stack", "local", stdin=json.dumps(state))
    assert imported.code == 0, imported.output

    second = update(connection, "https://b.invalid")
    assert second["tts-platform:cluster:Record"]["outputs"] == {"server": "https://b.invalid"}
    before, after = (item["pulumi:providers:kubernetes"] for item in (first, second))
    assert after["inputs"]["kubeconfig"].endswith("/b.invalid")
    assert after["id"] == before["id"], "a replaced provider takes every object with it, claims included"
    assert before["inputs"]["clusterIdentifier"] == "tts-platform/local"
