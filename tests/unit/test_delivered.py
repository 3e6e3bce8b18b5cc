"""What Argo CD would change, by the manifests of a checkout and of the branch that it left."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.errors import OpsError
from ops.preview.delivered import delivered
from ops.preview.gate import stopped
from ops.preview.plan import Op

KEPT = {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}


class Checkout:
    """A branch of its own, which left main at the first commit."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "manifests" / "prod").mkdir(parents=True)

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
        command = ["git", "-C", str(self.directory), *identity, *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def write(self, kind: str, name: str, annotations: dict[str, str] | None = None, **more: Any) -> None:
        metadata = {"name": name, "namespace": "tts", "annotations": annotations or {}}
        item = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}
        self.file(kind, name).write_text(yaml.safe_dump(item), encoding="utf-8")

    def file(self, kind: str, name: str) -> Path:
        return self.directory / "manifests" / "prod" / f"{kind.lower()}-{name}.yaml"

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "--allow-empty", "--message", "it")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    checkout = Checkout(tmp_path)
    checkout.git("init", "--initial-branch", "main")
    checkout.write("PersistentVolumeClaim", "outputs")
    checkout.write("PersistentVolumeClaim", "weights", KEPT)
    checkout.write("ConfigMap", "inference-cfg", data={"speed": "1"})
    checkout.commit()
    checkout.git("switch", "--create", "change")
    return checkout


def test_each_object_is_told_as_pulumi_would(checkout: Checkout) -> None:
    checkout.write("ConfigMap", "inference-cfg", data={"speed": "2"})
    checkout.write("Service", "speech")
    checkout.file("PersistentVolumeClaim", "outputs").unlink()
    found = {
        (change.op, change.kind, change.name) for change in delivered(checkout.directory, "prod", "main")
    }
    assert found == {
        (Op.UPDATE, "kubernetes:core/v1:ConfigMap", "tts/inference-cfg"),
        (Op.CREATE, "kubernetes:core/v1:Service", "tts/speech"),
        (Op.DELETE, "kubernetes:core/v1:PersistentVolumeClaim", "tts/outputs"),
    }


def test_a_claim_that_argo_cd_would_prune_has_to_be_meant(checkout: Checkout) -> None:
    checkout.file("PersistentVolumeClaim", "outputs").unlink()
    assert stopped(delivered(checkout.directory, "prod", "main")), "production's data is in Argo CD's hands"


def test_a_claim_that_it_leaves_does_not(checkout: Checkout) -> None:
    checkout.file("PersistentVolumeClaim", "weights").unlink()
    assert not stopped(delivered(checkout.directory, "prod", "main"))


def test_what_main_has_got_since_is_not_of_the_change(checkout: Checkout) -> None:
    checkout.git("switch", "main")
    checkout.write("Service", "speech")
    checkout.commit()
    checkout.git("switch", "change")
    assert delivered(checkout.directory, "prod", "main") == [], "it would be shown as deleted"


def test_the_same_object_in_another_file_is_no_change(checkout: Checkout) -> None:
    old = checkout.file("ConfigMap", "inference-cfg")
    old.rename(old.with_name("moved.yaml"))
    assert delivered(checkout.directory, "prod", "main") == []


def test_another_version_of_the_same_object_is_no_deletion(checkout: Checkout) -> None:
    file = checkout.file("PersistentVolumeClaim", "outputs")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("apiVersion: v1", "apiVersion: v2"), encoding="utf-8")
    changes = delivered(checkout.directory, "prod", "main")
    assert [change.op for change in changes] == [Op.UPDATE]
    assert not stopped(changes), "a label would be asked for where nothing is lost"


def test_a_base_that_is_not_there(checkout: Checkout) -> None:
    with pytest.raises(OpsError, match="git fetch origin"):
        delivered(checkout.directory, "prod", "origin/main")
