"""Who may do what at Argo CD: somebody, a deployer, and whoever pretends to be the forge."""

from typing import Any

import pytest

from tests.gitops.delivered import APPLICATION, TOKEN, Delivered

DEPLOYER = "deployer"


@pytest.fixture(scope="module")
def deployer(delivered: Delivered) -> str:
    """A token that the admin has made for the account of machines."""
    answer = delivered.ask("POST", f"/api/v1/account/{DEPLOYER}/token", token=delivered.session(), json={})
    token: str = answer.raise_for_status().json()["token"]
    return token


class TestAnybody:
    @pytest.mark.parametrize("path", ["applications", "projects", "repositories", "clusters", "account"])
    def test_sees_nothing(self, delivered: Delivered, path: str) -> None:
        assert delivered.ask("GET", f"/api/v1/{path}").status_code == 401

    @pytest.mark.parametrize("secret", [None, "a guess"])
    def test_is_not_the_forge(self, delivered: Delivered, secret: str | None) -> None:
        assert delivered.webhook(secret).status_code >= 400, (
            "who pretends to push could have Argo CD fetch all day"
        )


class TestDeployer:
    def test_may_sync(self, delivered: Delivered, deployer: str) -> None:
        answer = delivered.ask("POST", f"/api/v1/applications/{APPLICATION}/sync", token=deployer, json={})
        assert answer.status_code == 200, answer.text
        delivered.until_healthy_at(delivered.server.head)

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("DELETE", "projects/speech", None),
            ("DELETE", f"applications/{APPLICATION}", None),
            ("POST", "projects", {"project": {"metadata": {"name": "mine"}}}),
            ("POST", "account/admin/token", {}),
        ],
    )
    def test_may_not(self, delivered: Delivered, deployer: str, method: str, path: str, body: Any) -> None:
        # Argo CD wants to be told, also where nothing is sent: a browser's form cannot say so.
        headers = {"Content-Type": "application/json"}
        answer = delivered.ask(method, f"/api/v1/{path}", token=deployer, headers=headers, json=body)
        assert answer.status_code == 403, answer.text

    def test_may_not_read_secrets(self, delivered: Delivered, deployer: str) -> None:
        listed = delivered.ask("GET", "/api/v1/repositories", token=deployer)
        assert listed.status_code == 200, "who may look sees which repository there is"
        assert TOKEN not in listed.text
        answer = delivered.ask(
            "GET",
            f"/api/v1/applications/{APPLICATION}/resource",
            token=deployer,
            params={"resourceName": "speech-tls", "namespace": "tts", "version": "v1", "kind": "Secret"},
        )
        key = delivered.running.core.read_namespaced_secret("speech-tls", "tts").data["tls.key"]
        assert key not in answer.text
        assert answer.status_code != 200, "the certificate's key is not the Application's"
