"""From an empty namespace to a voice, by Argo CD alone."""

import base64

from tests.cluster.door import SENTENCE, frames
from tests.cluster.running import NAMESPACE, eventually
from tests.gitops.delivered import TOKEN, WEBHOOK_SECRET, Delivered


def test_it_speaks(delivered: Delivered) -> None:
    def spoken() -> bool:
        with delivered.door.client() as voice:
            return len(frames(voice.say(SENTENCE).content)) > 10_000

    eventually(spoken, 60, "what git says is served")


def test_pulumi_owns_nothing_of_it(delivered: Delivered) -> None:
    owned = [
        item["urn"]
        for item in delivered.resources()
        if item.get("inputs", {}).get("metadata", {}).get("namespace") == NAMESPACE
    ]
    assert not owned, "an object with two owners belongs to whoever was last"
    managers = {field.manager for field in delivered.deployment().metadata.managed_fields}
    assert "argocd-controller" in managers


def test_it_is_what_the_components_make(delivered: Delivered) -> None:
    kinds = {item["kind"] for item in delivered.status()["resources"]}
    assert {
        "Deployment",
        "Service",
        "HTTPProxy",
        "Certificate",
        "PersistentVolumeClaim",
        "NetworkPolicy",
        "CronJob",
        "Job",
    } <= kinds
    # A hook is run, and compared with nothing.
    compared = [item for item in delivered.status()["resources"] if not item.get("hook")]
    assert all(item["status"] == "Synced" for item in compared)


def test_a_second_up_changes_nothing(delivered: Delivered) -> None:
    delivered.up("--expect-no-changes")


def test_the_secrets_are_nowhere_in_clear(delivered: Delivered) -> None:
    for text in (
        delivered.workspace.run("stack", "export", capture=True).stdout,
        delivered.workspace.run("stack", "output", "--json", capture=True).stdout,
        delivered.workspace.config_file.read_text(),
    ):
        for secret in (WEBHOOK_SECRET, TOKEN):
            assert secret not in text
            assert base64.b64encode(secret.encode()).decode() not in text, "as a Kubernetes Secret holds it"
