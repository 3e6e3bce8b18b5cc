"""The policy pack in the real engine: what is committed keeps every rule, and what breaks one is refused."""

import json
import os

import pytest
import yaml

from ops import policy_pack
from tests.support.project import Project
from tests.unit.test_ephemeral_program import SETTINGS as EPHEMERAL

_PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes

options = pulumi.ResourceOptions(provider=kubernetes.Provider("nowhere", render_yaml_to_directory="rendered"))
namespace = kubernetes.core.v1.Namespace("open", metadata={"name": "open"}, opts=options)
kubernetes.core.v1.Service(
    "door",
    metadata={"name": "door", "namespace": namespace.metadata["name"]},
    spec={"type": "LoadBalancer", "ports": [{"port": 80}]},
    opts=options,
)
kubernetes.core.v1.Pod(
    "pod",
    metadata={"name": "pod", "namespace": namespace.metadata["name"]},
    spec={"containers": [{"name": "it", "image": "registry.speech.test/it:latest"}]},
    opts=options,
)
"""


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of a preview with the pack."""
    monkeypatch.setenv("PATH", os.environ["PATH"])
    return policy_pack.ready()


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_what_is_committed_keeps_every_rule(pack: list[str], project: Project, stack: str) -> None:
    project.stack(stack)
    keeps_every_rule(pack, project, stack)


def test_an_ephemeral_stack_keeps_every_rule(pack: list[str], project: Project) -> None:
    kubeconfig = project.directory / "kubeconfig"
    cluster = {"name": "it", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "it", "context": {"cluster": "it", "user": "me"}}
    document = {"contexts": [context], "clusters": [cluster], "users": [{"name": "me", "user": {}}]}
    kubeconfig.write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **document}), encoding="utf-8"
    )
    project.stack("ephemeral-trial", {**EPHEMERAL, "kubeconfig": str(kubeconfig)})
    keeps_every_rule(pack, project, "ephemeral-trial")


def keeps_every_rule(pack: list[str], project: Project, stack: str) -> None:
    shown = project.pulumi("preview", "--stack", stack, *pack)
    assert shown.code == 0, shown.output
    assert "✅ tts-platform@" in shown.output, "nobody asked the pack"
    assert "[advisory]" not in shown.output, "an advice that is always there is read by nobody"
    assert "can't run policy" not in shown.output


def test_what_breaks_a_rule_is_refused(pack: list[str], project: Project) -> None:
    for name, text in (("__main__.py", _PROGRAM), ("Pulumi.yaml", "name: tts-platform\nruntime: python\n")):
        (project.directory / name).unlink()
        (project.directory / name).write_text(text, encoding="utf-8")
    allowed = project.directory / "config.json"
    allowed.write_text(
        json.dumps({"image-registry": {"registries": ["registry.speech.test"]}}), encoding="utf-8"
    )
    created = project.pulumi("stack", "init", "prod")
    assert created.code == 0, created.output

    shown = project.pulumi("preview", "--stack", "prod", *pack)
    assert shown.code != 0, "a mandatory rule stops nobody"
    for rule in (
        "[mandatory]  service-exposure",
        "[mandatory]  image-immutable",
        "[mandatory]  image-registry",
        "[mandatory]  namespace-denies-by-default",
        "[mandatory]  data-protected",
        "[advisory]  namespace-pod-security",
    ):
        assert rule in shown.output
    assert 'Container it runs "registry.speech.test/it:latest".' in shown.output
    assert "Write a version tag (name:1.4.2) or a digest (name@sha256:...)." in shown.output
    assert "Namespace open has no NetworkPolicy that denies everything." in shown.output

    shown = project.pulumi("preview", "--stack", "prod", *pack, "--policy-pack-config", str(allowed))
    assert "image-immutable" in shown.output
    assert "image-registry" not in shown.output, "an organisation cannot say which registries are its own"
