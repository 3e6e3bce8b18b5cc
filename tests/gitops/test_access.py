"""Who may do what at Argo CD: somebody, a deployer, and whoever pretends to be the forge."""

import json
from typing import Any

import httpx
import pytest

from local.git_server import BRANCH
from tests.cluster.running import NAMESPACE
from tests.gitops.delivered import APPLICATION, ARGO_CD, TOKEN, Delivered

DEPLOYER = "deployer"
APPLICATION_PATH = f"applications/{APPLICATION}"

ELSEWHERE: dict[str, Any] = {
    "metadata": {"name": APPLICATION, "namespace": ARGO_CD},
    "spec": {
        "project": APPLICATION,
        "source": {"repoURL": "https://git.example.com/mine.git", "targetRevision": "main", "path": "mine"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": NAMESPACE},
    },
}
"""The Application, from somebody's own repository."""

MINE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": NAMESPACE}}


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

    @pytest.mark.parametrize(
        ("secret", "says"), [(None, "X-Hub-Signature"), ("a guess", "HMAC verification failed")]
    )
    def test_is_not_the_forge(self, delivered: Delivered, secret: str | None, says: str) -> None:
        answer = delivered.webhook(secret)
        assert answer.status_code == 400, "who pretends to push could have Argo CD fetch all day"
        assert says in answer.text


class TestDeployer:
    def test_may_sync(self, delivered: Delivered, deployer: str) -> None:
        answer = delivered.ask("POST", f"/api/v1/{APPLICATION_PATH}/sync", token=deployer, json={})
        assert answer.status_code == 200, answer.text
        delivered.until_healthy_at(delivered.server.head)

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("DELETE", "projects/speech", None),
            ("DELETE", APPLICATION_PATH, None),
            ("POST", "projects", {"project": {"metadata": {"name": "mine"}}}),
            ("POST", "account/admin/token", {}),
            ("PUT", APPLICATION_PATH, ELSEWHERE),
            ("PUT", f"{APPLICATION_PATH}/spec", ELSEWHERE["spec"]),
            ("PATCH", APPLICATION_PATH, {"patchType": "merge", "patch": json.dumps(ELSEWHERE)}),
            # Manifests of one's own, in the place of git's.
            ("POST", f"{APPLICATION_PATH}/sync", {"manifests": [json.dumps(MINE)]}),
        ],
    )
    def test_may_not(self, delivered: Delivered, deployer: str, method: str, path: str, body: Any) -> None:
        # Argo CD wants to be told, also where nothing is sent: a browser's form cannot say so.
        headers = {"Content-Type": "application/json"}
        answer = delivered.ask(method, f"/api/v1/{path}", token=deployer, headers=headers, json=body)
        assert answer.status_code == 403, answer.text
        assert "permission denied" in answer.text

    @pytest.mark.parametrize(
        ("what", "body", "says"),
        [
            ("sync", {"revision": "another"}, f"auto-sync currently set to {BRANCH}"),
            ("rollback", {"id": 0}, "rollback cannot be initiated when auto-sync is enabled"),
        ],
    )
    def test_gets_no_commit_but_the_branchs_newest(
        self, delivered: Delivered, deployer: str, what: str, body: Any, says: str
    ) -> None:
        answer = delivered.ask(
            "POST", f"/api/v1/{APPLICATION_PATH}/{what}", token=deployer, json={"name": APPLICATION, **body}
        )
        assert answer.status_code == 400, answer.text
        assert says in answer.text

    def test_may_not_read_secrets(self, delivered: Delivered, deployer: str) -> None:
        listed = delivered.ask("GET", "/api/v1/repositories", token=deployer)
        assert listed.status_code == 200, "who may look sees which repository there is"
        assert TOKEN not in listed.text
        key = delivered.running.core.read_namespaced_secret("speech-tls", NAMESPACE).data["tls.key"]
        for token in (deployer, delivered.session()):
            assert read(delivered, token, "ConfigMap", "inference-cfg").status_code == 200, (
                "what git has is shown"
            )
            # Nor the admin: the certificate's key is not the Application's, and Argo CD shows nothing else.
            answer = read(delivered, token, "Secret", "speech-tls")
            assert key not in answer.text
            assert answer.status_code == 400, answer.text
            assert f"speech-tls not found as part of application {APPLICATION}" in answer.text


def read(delivered: Delivered, token: str, kind: str, name: str) -> httpx.Response:
    """One object, as Argo CD shows it."""
    where = {"resourceName": name, "namespace": NAMESPACE, "version": "v1", "kind": kind}
    return delivered.ask("GET", f"/api/v1/{APPLICATION_PATH}/resource", token=token, params=where)
