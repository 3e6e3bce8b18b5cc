"""Which stacks a change touches."""

import subprocess
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.touched import of_files, touched

STACKS = {"dev", "prod"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["Pulumi.prod.yaml"], {"prod"}),
        (["manifests/prod/deployment-speech.yaml"], {"prod"}),
        (["stacks/profiles/dev.py"], {"dev"}),
        (["Pulumi.dev.yaml", "manifests/prod/route.yaml"], STACKS),
        (["components/tts/route.py"], STACKS),
        (["stacks/checks.py"], STACKS),
        (["stacks/profiles/__init__.py"], STACKS),
        (["__main__.py"], STACKS),
        (["requirements.txt"], STACKS),
        (["Pulumi.yaml"], STACKS),
        (["docs/aws.md", "tests/unit/test_network.py", "README.md", "requirements-dev.txt"], set()),
        (["Pulumi.local.yaml"], set()),
        (["ops/release.py", "local/paths.py"], set()),
        (["docs/components/x.py"], set()),
        ([], set()),
    ],
)
def test_by_its_files(files: list[str], expected: set[str]) -> None:
    assert of_files(files, STACKS) == expected, "a diff that is not shown is merged unseen"


def test_a_profile_that_others_may_be_made_of_touches_all() -> None:
    assert of_files(["stacks/profiles/base.py"], STACKS) == STACKS


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    def commit(name: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
        git("add", ".")
        git("commit", "--message", name)

    git("init", "--initial-branch", "main")
    for stack in ("local", "dev", "prod"):
        commit(f"Pulumi.{stack}.yaml")
    git("switch", "--create", "change")
    commit("manifests/prod/route.yaml")
    git("switch", "main")
    commit("components/route.py")
    git("switch", "change")
    return tmp_path


def test_what_its_base_has_got_since_is_not_of_the_change(checkout: Path) -> None:
    assert touched(checkout, "main") == ["prod"]


def test_settings_that_go_leave_a_stack_that_nobody_previews(checkout: Path) -> None:
    (checkout / "Pulumi.prod.yaml").unlink()
    identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    subprocess.run(
        ["git", "-C", str(checkout), *identity, "commit", "--quiet", "--all", "--message", "gone"], check=True
    )
    with pytest.raises(OpsError, match="make destroy STACK=prod first"):
        touched(checkout, "main")


def test_a_base_that_is_not_there(checkout: Path) -> None:
    with pytest.raises(OpsError, match="git fetch origin"):
        touched(checkout, "origin/main")
