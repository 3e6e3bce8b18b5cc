"""Who may do what at Argo CD: somebody, a deployer, and whoever pretends to be the forge."""

import pytest

from tests.gitops.delivered import APPLICATION, Delivered

DEPLOYER = "deployer"


@pytest.fixture(scope="module")
def deployer(delivered: Delivered) -> str:
    """A token that the admin has made for the account of machines."""
    answer = delivered.ask("POST", f"/api/v1/account/{DEPLOYER}/token", token=delivered.session(), json={})
    token: str = answer.raise_for_status().json()["token"]
    return token


class TestAnybody:
    @pytest.mark.parametrize(
        "path", ["applications", "projects", "repositories", "clusters", "settings/rbac"]
    )
    def test_sees_nothing(self, delivered: Delivered, path: str) -> None:
        assert delivered.ask("GET", f"/api/v1/{path}").status_code in {401, 404}

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
        ("method", "path"),
        [
            ("DELETE", "projects/speech"),
            ("DELETE", f"applications/{APPLICATION}"),
            ("POST", "projects"),
            ("POST", "account/admin/token"),
        ],
    )
    def test_may_not(self, delivered: Delivered, deployer: str, method: str, path: str) -> None:
        answer = delivered.ask(
            method, f"/api/v1/{path}", token=deployer, **({} if method == "DELETE" else {"json": {}})
        )
        assert answer.status_code == 403, answer.text

    def test_may_not_read_secrets(self, delivered: Delivered, deployer: str) -> None:
        listed = delivered.ask("GET", "/api/v1/repositories", token=deployer)
        assert "of the tests" not in listed.text
        query = {"name": "speech-tls", "namespace": "tts", "version": "v1", "kind": "Secret"}
        answer = delivered.ask(
            "GET",
            f"/api/v1/applications/{APPLICATION}/resource",
            token=deployer,
            params={**query, "resourceName": "speech-tls"},
        )
        assert "PRIVATE" not in answer.text
        assert "tls.key" not in answer.text or "++++" in answer.text, (
            "Argo CD shows a secret's values to nobody"
        )
