"""Only a cluster at which nobody answers may be gone; every other one keeps the stack's state."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

import ops.ephemeral_end
from ops.ephemeral_end import forget
from ops.ephemeral_reach import Silent, answers, reached
from ops.ephemeral_stack import EphemeralStack, Record
from ops.errors import OpsError
from tests.support import api_server
from tests.support.api_server import Api

NOBODY = "http://127.0.0.1:9"
"""The port of the discard protocol, which no machine serves."""


@dataclass
class Kept:
    """A stack that says whether it was removed."""

    name: str = "one"
    removed: list[bool] = field(default_factory=list[bool])

    def remove(self, *, force: bool = False) -> None:
        self.removed.append(force)


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server.running() as api:
        yield api


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    return tmp_path / "kubeconfig"


def lead(kubeconfig: Path, server: str) -> None:
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
                "clusters": [{"name": "it", "cluster": {"server": server}}],
                "users": [{"name": "me", "user": {}}],
                "current-context": "it",
            }
        )
    )


def settings(kubeconfig: Path, server: str) -> dict[str, Any]:
    return {
        "kubeconfig": str(kubeconfig),
        "clusterServer": server,
        "namespace": "tts-one",
        "domain": "one.example.com",
        "platform": "local",
        "stateId": "0",
    }


def forgotten(settings: dict[str, Any]) -> list[bool]:
    stack = Kept()
    forget(cast("EphemeralStack", stack), Record(expires=None, settings=settings, outputs={}, resources=3))
    return stack.removed


class TestACluster:
    def test_that_is_silent_may_be_forgotten(self, kubeconfig: Path) -> None:
        lead(kubeconfig, NOBODY)
        with pytest.raises(Silent, match="down one --forget removes the stack alone"):
            reached("one", settings(kubeconfig, NOBODY))
        assert forgotten(settings(kubeconfig, NOBODY)) == [True]

    def test_that_is_silent_is_forgotten_without_a_kubeconfig(self, kubeconfig: Path) -> None:
        assert forgotten(settings(kubeconfig, NOBODY)) == [True], (
            "the platform is gone, and its kubeconfig with it: the stack would stay for ever"
        )

    def test_that_answers_is_not_forgotten(self, api: Api, kubeconfig: Path) -> None:
        lead(kubeconfig, api.url)
        with pytest.raises(OpsError, match="leave out --forget"):
            forgotten(settings(kubeconfig, api.url))

    def test_that_refuses_is_not_forgotten(self, api: Api, kubeconfig: Path) -> None:
        lead(kubeconfig, api.url)
        api.refused["GET", "version"] = 401
        with pytest.raises(OpsError, match="answers, and refuses: Unauthorized") as refusal:
            forgotten(settings(kubeconfig, api.url))
        assert "--forget" not in str(refusal.value), "a login that has run out would orphan a GPU"

    def test_that_this_machine_does_not_know_is_not_forgotten(self, api: Api, kubeconfig: Path) -> None:
        with pytest.raises(OpsError, match=r"is not known: .* does not exist") as refusal:
            forgotten(settings(kubeconfig, api.url))
        assert "--forget" not in str(refusal.value), "every machine that did not make it would orphan it"

    def test_that_the_kubeconfig_leads_away_from_is_not_forgotten(self, api: Api, kubeconfig: Path) -> None:
        lead(kubeconfig, NOBODY)
        with pytest.raises(OpsError, match=f"kubeconfig leads to {NOBODY}") as refusal:
            forgotten(settings(kubeconfig, api.url))
        assert "--forget" not in str(refusal.value), "its pods run on at the server that is recorded"


def test_a_platform_that_cannot_say_its_kubeconfig_hinders_no_end(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OpsError("Stack dev is not up: pulumi up --stack dev makes the platform.")

    monkeypatch.setattr(ops.ephemeral_end, "bring_kubeconfig", fails)
    assert forgotten({**settings(kubeconfig, NOBODY), "platform": "dev"}) == [True]


def test_a_certificate_of_an_authority_of_its_own_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    import ssl
    from http.client import HTTPSConnection

    def refuse(*_: object) -> None:
        raise ssl.SSLCertVerificationError("unable to get local issuer certificate")

    monkeypatch.setattr(HTTPSConnection, "request", refuse)
    assert answers("https://10.0.0.1:6443"), "every cluster has one, and would seem to be gone"
