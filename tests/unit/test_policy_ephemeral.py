"""The rules asked of a whole ephemeral stack, with every value known, as an update asks them."""

import asyncio
import json
import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from policy.evaluate import stack_violations, violations
from policy.model import Level, Resource
from policy.rules import RULES
from tests.support.project import ROOT
from tests.unit.test_ephemeral_program import SETTINGS, Engine

STACK = "ephemeral-trial"

CASES: Mapping[str, Mapping[str, Any]] = {
    "espeak": {},
    "an image that runs as root": {
        "engine": "cosyvoice",
        "image": "registry.example.com/speech/cosyvoice:1.4.2",
        "weightsSize": "10Gi",
    },
    "beginning with a snapshot": {
        "snapshots": "csi",
        "snapshotDriver": "btrfs.csi.tts-platform.local",
        "outputsFrom": "snap-1",
    },
}


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """What an ephemeral stack with some settings changed registers."""
    kubeconfig = tmp_path / "kubeconfig"
    cluster = {"name": "it", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "it", "context": {"cluster": "it", "user": "me"}}
    kubeconfig.write_text(yaml.safe_dump({"contexts": [context], "clusters": [cluster]}), encoding="utf-8")

    def run(changes: Mapping[str, Any]) -> list[Resource]:
        keys = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
        values = {key: about["default"] for key, about in keys.items() if "default" in about}
        values |= {**SETTINGS, "kubeconfig": str(kubeconfig), **changes}
        settings = {
            f"tts-platform:{key}": value if isinstance(value, str) else json.dumps(value)
            for key, value in values.items()
        }
        monkeypatch.setenv("PULUMI_CONFIG", json.dumps(settings))
        pulumi.runtime.set_all_config(settings)
        engine = Engine()
        asyncio.set_event_loop(asyncio.new_event_loop())
        pulumi.runtime.set_mocks(engine, project="tts-platform", stack=STACK, preview=False)
        whole = pulumi.runtime.test(lambda: runpy.run_path(str(ROOT / "__main__.py")) and None)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
        whole()
        return [
            Resource(
                type=item.type,
                name=item.name,
                properties=item.inputs,
                urn=f"urn:pulumi:{STACK}::tts-platform::{item.type}::{item.name}",
            )
            for item in engine.resources
        ]

    yield run
    pulumi.runtime.set_all_config({})


def broken(resources: list[Resource]) -> list[tuple[str, str]]:
    found = [
        (rule.name, message) for rule in RULES for item in resources for message in violations(rule, item)
    ]
    return found + [
        (rule.name, message) for rule in RULES for _, message in stack_violations(rule, resources)
    ]


@pytest.mark.parametrize("case", CASES)
def test_it_keeps_every_rule(registered: Any, case: str) -> None:
    resources = registered(CASES[case])
    assert {"Namespace", "ResourceQuota", "Deployment"} <= {item.kind for item in resources}
    assert not broken(resources), "a trial would be refused half way, or live by rules of its own"


def test_an_image_from_anywhere_is_refused(registered: Any) -> None:
    resources = registered({"image": "ghcr.io/somebody/espeak:1.0.0"})
    assert {rule for rule, _ in broken(resources)} == {"image-registry"}, (
        "--image passes no review: the rules are all that looks at it"
    )
    assert next(rule for rule in RULES if rule.name == "image-registry").level is Level.MANDATORY


def test_its_namespace_counts_as_ours(registered: Any) -> None:
    resources = [item for item in registered({}) if item.kind != "NetworkPolicy"]
    assert {rule for rule, _ in broken(resources)} == {"namespace-denies-by-default"}, (
        "one trial could reach into another"
    )
