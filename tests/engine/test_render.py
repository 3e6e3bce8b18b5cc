"""The manifests of a stack, by the real engine: what Argo CD would sync is what Pulumi would apply."""

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops import manifests, render, stack_file
from ops.manifests import Change, Manifests
from stacks.choices import Delivery
from stacks.profiles import PROFILES
from tests.support.project import ROOT, Project

KEPT = "Prune=false,Delete=false"
GITOPS_KEYS = ("gitRepository",)
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How a preview writes a value that only an update brings: here, the names of other objects."""


def settings(project: Project, name: str, changes: Mapping[str, Any] | None = None) -> None:
    """The committed settings of a stack with `changes`; None takes a key out."""
    document = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))
    config = document["config"] | {f"tts-platform:{key}": value for key, value in (changes or {}).items()}
    document["config"] = {key: value for key, value in config.items() if value is not None}
    (project.directory / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def rendered(project: Project, name: str) -> dict[tuple[str, str], manifests.Object]:
    """The objects of a render, by kind and name."""
    texts = render.render(project.directory, name).wanted.values()
    items = [manifests.parsed(text) for text in texts]
    return {(item["kind"], item["metadata"]["name"]): item for item in items}


def without_annotations(item: Mapping[str, Any]) -> dict[str, Any]:
    """What an object is, but for what Pulumi or Argo CD alone is told about it."""
    metadata = dict(item["metadata"])
    said = metadata.pop("annotations", None) or {}
    own = {key: value for key, value in said.items() if key.startswith("tts-platform/")}
    return {**_written(item), "metadata": {**_written(metadata), **({"annotations": own} if own else {})}}


def _written(value: Any) -> Any:
    """Without nulls, and the empty lists that Kubernetes' types do not write; an empty selector is another matter."""
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if item or key not in ("args", "data")}
        return {key: _written(item) for key, item in kept.items() if item is not None}
    return [_written(item) for item in value] if isinstance(value, list) else value


def known(rendered: Any, applied: Any, names: Collection[str]) -> Any:
    """`applied` with what a preview cannot know yet as it was rendered, if that is the name of something applied."""
    if applied == UNKNOWN:
        return rendered if rendered in names else applied
    if isinstance(applied, Mapping) and isinstance(rendered, Mapping):
        return {key: known(rendered.get(key), value, names) for key, value in applied.items()}
    if isinstance(applied, list) and isinstance(rendered, list) and len(applied) == len(rendered):
        return [known(*pair, names) for pair in zip(rendered, applied, strict=True)]
    return applied


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("local", {}),
        ("dev", {}),
        ("prod", {}),
        ("prod", {"weightsSize": "50Gi"}),
        ("prod", {"storage": "s3", "rollout": "surge"}),
        ("prod", {"exposure": "host_network", "edgeCidrs": ["10.64.0.0/20"], "issuer": "in-cluster-ca"}),
    ],
)
def test_the_files_are_what_pulumi_would_apply(
    project: Project, name: str, changes: Mapping[str, Any]
) -> None:
    """Names that another component gives are constants in a render: a wrong one would be seen here."""
    direct = {"delivery": "direct", **dict.fromkeys(GITOPS_KEYS), **changes}
    project.stack(name, direct)
    previewed = [item for item in project.previewed(name) if item["type"].startswith("kubernetes:")]
    applied = {
        (item["inputs"]["kind"], item["inputs"]["metadata"]["name"]): item
        for item in previewed
        if "TtsService" in item["urn"] and item["inputs"]["kind"] != "Namespace"
    }
    names = {item["inputs"].get("metadata", {}).get("name") for item in previewed}
    settings(
        project, name, {**changes, "delivery": "gitops", "gitRepository": "https://git.example.com/it.git"}
    )
    files = rendered(project, name)
    assert files.keys() == applied.keys()
    assert len(files) >= 10
    for key, item in files.items():
        assert known(item, without_annotations(applied[key]["inputs"]), names) == without_annotations(item)
        kept = item["metadata"]["annotations"].get("argocd.argoproj.io/sync-options") == KEPT
        assert kept == bool(applied[key].get("protect")), "the two owners would keep different things"
        assert not [key for key in item["metadata"]["annotations"] if key.startswith("pulumi.com/")]


def test_an_environment_arrives_letter_by_letter(project: Project) -> None:
    inference = {
        "A": "1e3",
        "B": "y",
        "C": "012",
        "D": "1:30",
        "E": "=",
        "F": "é ☃",
        "G": "a\nb\n",
        "H": " x ",
        "I": "on",
        "J": "${HOME} {{ x }} %s",
    }
    settings(project, "prod", {"inference": inference})
    data = rendered(project, "prod")["ConfigMap", "inference-cfg"]["data"]
    assert inference.items() <= data.items()


def test_a_render_is_the_same_every_time(project: Project) -> None:
    settings(project, "prod")
    first = render.render(project.directory, "prod")
    assert set(first.write().values()) == {Change.ADDED}
    assert set(render.render(project.directory, "prod").changes().values()) == {Change.SAME}


def test_the_committed_manifests_are_what_the_code_renders(project: Project) -> None:  # noqa: ARG001 - needs pulumi
    for name in PROFILES:
        if stack_file.read(ROOT, name).settings.delivery is Delivery.GITOPS:
            difference = "\n".join(render.render(ROOT, name).diff())
            assert not difference, f"make render STACK={name}, and commit it:\n{difference}"


class Checkout:
    """A clone with the commands in it."""

    def __init__(self, directory: Path, project: Project) -> None:
        self.directory = directory
        for part in ("ops", "components", "stacks"):
            shutil.copytree(ROOT / part, directory / part, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("Pulumi.yaml", "Pulumi.prod.yaml", "Pulumi.dev.yaml", "requirements.txt"):
            shutil.copy(ROOT / file, directory)
        # Neither a cluster nor an account is near, and no login.
        self.environment = {
            **{
                key: value
                for key, value in os.environ.items()
                if not key.startswith(("AWS_", "PULUMI_", "KUBE"))
            },
            "HOME": str(project.directory),
            "GIT_AUTHOR_NAME": "A Person",
            "GIT_AUTHOR_EMAIL": "person@example.com",
        }

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def ops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "ops", *arguments)

    def git(self, *arguments: str) -> str:
        run = self.run("git", "-c", "user.name=A Person", "-c", "user.email=person@example.com", *arguments)
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    @property
    def files(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in (self.directory / "manifests/prod").iterdir()}


@pytest.fixture
def checkout(project: Project, tmp_path: Path) -> Checkout:
    (tmp_path / "checkout").mkdir()
    return Checkout(tmp_path / "checkout", project)


def test_the_command_writes_checks_and_takes_away(checkout: Checkout) -> None:
    missing = checkout.ops("render", "prod", "--check")
    assert missing.returncode == 1
    assert "+kind: Deployment" in missing.stdout
    assert not (checkout.directory / "manifests").exists(), "a check has written something"

    written = checkout.ops("render", "prod")
    assert written.returncode == 0, written.stderr
    assert "deployment-speech.yaml" in written.stdout
    assert "poddisruptionbudget-speech.yaml" in checkout.files
    assert checkout.ops("render", "prod", "--check").returncode == 0

    settings_file = checkout.directory / "Pulumi.prod.yaml"
    settings_file.write_text(settings_file.read_text().replace('replicas: "2"', 'replicas: "1"'))
    (checkout.directory / "manifests/prod/extra.yaml").write_text("kind: ConfigMap\n")
    before = checkout.files
    stale = checkout.ops("render", "prod", "--check")
    assert stale.returncode == 1
    assert "-  replicas: 2\n+  replicas: 1\n" in stale.stdout
    assert "make render STACK=prod, and commit it" in stale.stderr
    assert (
        "manifests/prod/extra.yaml is not rendered, and Argo CD would apply it: take it out." in stale.stderr
    )
    assert checkout.files == before

    again = checkout.ops("render", "prod")
    assert "poddisruptionbudget-speech.yaml" not in checkout.files, "Argo CD would keep what nobody makes"
    assert checkout.files["extra.yaml"] == b"kind: ConfigMap\n"
    assert "removed" in again.stdout
    assert checkout.ops("render", "--check").returncode == 1, (
        "what nobody reviews as rendered would be applied"
    )
    (checkout.directory / "manifests/prod/extra.yaml").unlink()
    assert checkout.ops("render", "--check").returncode == 0


def test_a_stack_that_pulumi_applies_is_refused_in_one_line(checkout: Checkout) -> None:
    finished = checkout.ops("render", "dev")
    assert finished.returncode == 1
    (line,) = finished.stderr.strip().splitlines()
    assert "write tts-platform:delivery: gitops into Pulumi.dev.yaml" in line
    assert not (checkout.directory / "manifests").exists()


def test_bad_settings_are_refused_as_everywhere(checkout: Checkout) -> None:
    file = checkout.directory / "Pulumi.prod.yaml"
    file.write_text(file.read_text().replace(":1.4.2", ":latest"))
    finished = checkout.ops("render", "prod")
    assert finished.returncode == 1
    assert "Pulumi.prod.yaml: 1 problem" in finished.stderr
    assert "can change under a running service" in finished.stderr


def test_a_volume_does_not_shrink_behind_pulumis_back(checkout: Checkout) -> None:
    assert checkout.ops("render", "prod").returncode == 0
    before = checkout.files
    file = checkout.directory / "Pulumi.prod.yaml"
    file.write_text(file.read_text().replace("200Gi", "100Gi"))
    finished = checkout.ops("render", "prod")
    assert "is smaller than the volume that is there (200Gi)" in finished.stderr, (
        "the sync would fail for ever"
    )
    assert checkout.files == before


def test_a_release_and_its_rollback(checkout: Checkout) -> None:
    checkout.git("init", "--quiet", "--initial-branch", "main")
    assert checkout.ops("render", "prod").returncode == 0
    checkout.git("add", "--all")
    checkout.git("commit", "--quiet", "--message", "Manifests")
    # Unfinished code that would render something else.
    code = checkout.directory / "components/tts/service.py"
    code.write_text(code.read_text().replace("SERVICE_PORT = 80", "SERVICE_PORT = 81"))

    image = "registry.example.com/speech/cosyvoice:1.5.0"
    released = checkout.ops("release", "prod", "--image", image, "--branch", "main")
    assert released.returncode == 0, released.stderr
    assert checkout.git("diff", "--numstat", "HEAD^", "HEAD").splitlines() == [
        "1\t1\tPulumi.prod.yaml",
        "1\t1\tmanifests/prod/deployment-speech.yaml",
    ], "the release would bring code to production that nobody has committed"
    assert f"image: {image}".encode() in checkout.files["deployment-speech.yaml"]
    assert checkout.git("status", "--porcelain") == "M components/tts/service.py"

    checkout.environment["PATH"] = "/usr/bin:/bin"
    back = checkout.run(sys.executable, "-m", "ops", "rollback", "prod", "--branch", "main")
    assert back.returncode == 0, back.stderr
    assert checkout.git("diff", "--stat", "HEAD~2", "HEAD") == "", "a rollback has to do without the engine"
    assert isinstance(Manifests(root=checkout.directory, stack="prod").claims()["outputs"].size, str)


def test_a_release_from_stale_manifests_is_refused(checkout: Checkout) -> None:
    checkout.git("init", "--quiet", "--initial-branch", "main")
    checkout.git("add", "--all")
    checkout.git("commit", "--quiet", "--message", "No manifests")
    finished = checkout.ops("release", "prod", "--image", "registry.example.com/speech/cosyvoice:1.5.0")
    assert finished.returncode == 1
    assert "manifests/prod is not what the code renders: make render STACK=prod" in finished.stderr
    assert checkout.git("branch", "--format=%(refname:short)") == "main"


def test_without_the_engine_it_says_what_to_do(checkout: Checkout) -> None:
    checkout.environment["PATH"] = "/usr/bin:/bin"
    finished = checkout.ops("render", "prod")
    assert "pulumi is not on PATH: run make render STACK=prod" in finished.stderr
