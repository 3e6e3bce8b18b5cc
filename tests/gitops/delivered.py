"""The local stack delivered by git: its repository, its Argo CD, and what a team does with the two."""

import base64
import hmac
import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import yaml
from kubernetes import client

from local import paths
from local.cluster.layout import Cluster
from local.git_server import BRANCH, GitServer
from ops import speech, stack_file, teardown
from ops.release import Recorded, release
from ops.render import render
from ops.workspace import Workspace
from tests.cluster.deployed import IMPATIENT
from tests.cluster.door import Door
from tests.cluster.running import NAMESPACE, SPEECH, Running, eventually

STACK = "local"
IMAGE = "localhost/tts-platform/espeak"
ARGO_CD = "argocd"
ARGO_CD_DOMAIN = "argocd.localhost"
APPLICATION = "speech"
WEBHOOK_SECRET = "of the tests"  # noqa: S105 - it protects a cluster that is gone after them
TOKEN = "also of the tests"  # noqa: S105 - likewise
SETTINGS_ALONE = "Settings, and no manifests yet"
"""Message of the first commit, which has no manifests yet."""
POLL_SECONDS = 20
PATIENCE = 120
"""Seconds for what takes a few."""


@dataclass
class Delivered:
    """The stack, and the clone that a team commits in."""

    running: Running
    server: GitServer
    clone: Path
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def cluster(self) -> Cluster:
        return self.running.cluster

    @property
    def workspace(self) -> Workspace:
        return Workspace(stack=STACK, directory=self.cluster.directory / "stack")

    # Pulumi's half.

    def prepare(self) -> None:
        """The stack with its settings, and with its secrets as `pulumi config set --secret` leaves them."""
        base = {
            "kubeconfig": str(self.cluster.kubeconfig),
            "httpsPort": self.cluster.port,
            **IMPATIENT,
            "delivery": "gitops",
            "gitRepository": self.server.url,
            "gitPollSeconds": str(POLL_SECONDS),
            "argoCdDomain": ARGO_CD_DOMAIN,
        }
        self.workspace.prepare(base)
        for key, value in (("webhookSecret", WEBHOOK_SECRET), ("gitToken", TOKEN)):
            self.secret(key, value)
        self.settings = base | self.settings

    def secret(self, key: str, value: str) -> None:
        """Encrypts a value into the settings."""
        self.workspace.run("config", "set", "--secret", f"tts-platform:{key}", value, capture=True)
        document = yaml.safe_load(self.workspace.config_file.read_text())
        self.settings[key] = document["config"][f"tts-platform:{key}"]

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs one command with the present settings, to its end, whatever that is."""
        self.workspace.prepare(self.settings)
        return self.workspace.run(*arguments, capture=True, check=False)

    def up(self, *arguments: str) -> str:
        run = self.pulumi("up", "--yes", "--skip-preview", *arguments)
        assert run.returncode == 0, f"pulumi up failed:\n{run.stdout[-6000:]}\n{run.stderr[-2000:]}"
        return run.stdout

    def updated(self) -> dict[str, str]:
        """Brings Pulumi's half up to date. What was done for it, by the resource's name."""
        events = [json.loads(line) for line in self.up("--json").splitlines() if line.startswith("{")]
        steps = [event["resOutputsEvent"]["metadata"] for event in events if "resOutputsEvent" in event]
        assert steps, "the engine says of every resource what it has done"
        done = {step["urn"].rpartition("::")[2]: step["op"] for step in steps}
        return {name: what for name, what in done.items() if what not in {"same", "read"}}

    def resources(self) -> list[dict[str, Any]]:
        """What Pulumi has, as its state says."""
        return teardown.in_state(self.workspace)

    @cached_property
    def authority(self) -> str:
        """PEM of the CA that signs in this cluster."""
        outputs = json.loads(self.workspace.run("stack", "output", "--json", capture=True).stdout)
        return speech.authority(str(self.cluster.kubeconfig), None, outputs["ca_secret"])

    @property
    def door(self) -> Door:
        return Door(str(self.cluster.node_address("edge")), 443, self.authority)

    # Git's half.

    def first_commit(self) -> str:
        """A repository with the project's file, the stack's, and its manifests."""
        shutil.copy(paths.CHECKOUT / "Pulumi.yaml", self.clone)
        shutil.copy(self.workspace.config_file, self.clone)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", SETTINGS_ALONE)
        return self.render("The manifests")

    def render(self, message: str) -> str:
        """Renders, commits and pushes."""
        render(self.clone, STACK).write()
        return self.commit(message)

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.push()

    def release(self, version: str) -> str:
        """What a model team's pipeline does, and the merge of what it leaves."""
        done = release(self.clone, STACK, f"{IMAGE}:{version}", BRANCH, _rendered)
        return self.pushed(done)

    def release_the_other(self) -> str:
        """Of two good versions the one that git does not say."""
        said = stack_file.image((self.clone / f"Pulumi.{STACK}.yaml").read_text(), STACK)
        return self.release("1.0.1" if said.endswith(":1.0.0") else "1.0.0")

    def pushed(self, done: Recorded) -> str:
        head = self.push()
        assert head == done.commit
        return head

    def push(self) -> str:
        # To the repository itself: that nobody can read it over HTTP is no reason not to write it.
        self.git("push", "--quiet", str(self.server.repository), f"HEAD:{BRANCH}")
        return self.server.head

    def push_settings_alone(self, branch: str) -> None:
        """A branch of the first commit: it has no manifests."""
        self.git("branch", "--force", branch, f":/^{SETTINGS_ALONE}")
        self.git("push", "--quiet", "--force", str(self.server.repository), branch)

    def git(self, *arguments: str) -> None:
        who = ("-c", "user.name=A test", "-c", "user.email=test@localhost")
        subprocess.run(["git", "-C", str(self.clone), *who, *arguments], check=True)

    def manifest(self, name: str) -> Path:
        """One object's file in the clone."""
        return self.clone / "manifests" / STACK / name

    # Argo CD's.

    def webhook(self, secret: str | None = WEBHOOK_SECRET) -> httpx.Response:
        """A push, as GitHub tells of it."""
        body = json.dumps(
            {
                "ref": f"refs/heads/{BRANCH}",
                "after": self.server.head,
                "repository": {"html_url": self.server.url.removesuffix(".git"), "default_branch": BRANCH},
                "commits": [{"modified": [f"manifests/{STACK}/deployment-speech.yaml"]}],
            }
        ).encode()
        headers = {"X-GitHub-Event": "push", "Content-Type": "application/json"}
        if secret is not None:
            for name, algorithm in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
                digest = hmac.new(secret.encode(), body, algorithm).hexdigest()
                headers[name] = f"{algorithm}={digest}"
        return self.ask("POST", "/api/webhook", content=body, headers=headers)

    def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> httpx.Response:
        """Argo CD's API, through the front door."""
        with httpx.Client(
            base_url=f"https://{self.cluster.node_address('edge')}",
            headers={"Host": ARGO_CD_DOMAIN, **(headers or {})},
            verify=self.door.trust(),
            timeout=30,
            trust_env=False,
        ) as session:
            if token is not None:
                session.headers["Authorization"] = f"Bearer {token}"
            return session.request(method, path, extensions={"sni_hostname": ARGO_CD_DOMAIN}, **body)

    def session(self) -> str:
        """A token of the built-in admin's, whose first password Argo CD has made."""
        secret = self.running.core.read_namespaced_secret("argocd-initial-admin-secret", ARGO_CD)
        password = base64.b64decode(secret.data["password"]).decode()
        answer = self.ask("POST", "/api/v1/session", json={"username": "admin", "password": password})
        token: str = answer.raise_for_status().json()["token"]
        return token

    @cached_property
    def objects(self) -> client.CustomObjectsApi:
        return client.CustomObjectsApi(self.running.api)

    def application(self) -> dict[str, Any]:
        found: dict[str, Any] = self.objects.get_namespaced_custom_object(
            "argoproj.io", "v1alpha1", ARGO_CD, "applications", APPLICATION, _request_timeout=10
        )
        return found

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.application().get("status", {})
        return status

    def operation(self) -> dict[str, Any]:
        """The sync that runs, or the last one."""
        operation: dict[str, Any] = self.status().get("operationState", {})
        return operation

    def is_healthy_at(self, commit: str) -> bool:
        """Whether the cluster is what the commit says, and all of it is well."""
        status = self.status()
        sync, health = status.get("sync", {}), status.get("health", {})
        return (sync.get("status"), sync.get("revision"), health.get("status")) == (
            "Synced",
            commit,
            "Healthy",
        )

    def until_healthy_at(self, commit: str, seconds: float = PATIENCE) -> float:
        """How long it took until then."""
        started = time.monotonic()
        try:
            eventually(lambda: self.is_healthy_at(commit), seconds, f"Argo CD delivers {commit[:8]}")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{json.dumps(self.status(), indent=1)[-3000:]}") from None
        return time.monotonic() - started

    def images(self) -> set[str]:
        """What runs."""
        pods = self.running.ready_pods(NAMESPACE, SPEECH)
        return {pod.spec.containers[0].image for pod in pods}

    def deployment(self) -> Any:
        return self.running.apps.read_namespaced_deployment("speech", NAMESPACE, _request_timeout=10)


def _rendered(tree: Path, stack: str, check: bool) -> None:
    # The clone has no code: it is rendered by the code under test.
    manifests = render(tree, stack)
    if check:
        assert not list(manifests.diff()), "what is committed is what the code renders"
    else:
        manifests.write()
