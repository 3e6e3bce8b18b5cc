"""Where ephemeral stacks keep their state, and what the engine is told there."""

from pathlib import Path

import pytest

import ops.ephemeral_place
from ops.ephemeral_place import Place, config_text, of_platform
from ops.errors import OpsError


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ops.ephemeral_place, "CHECKOUT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("platform", ["dev", "local"])
def test_a_machine_without_the_stacks_file_can_update_it(tmp_path: Path, platform: str) -> None:
    told = Place(directory=tmp_path, platform=platform).environment()
    assert told["PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER"] == "true", (
        "every push after the first is another machine, and would be asked for a passphrase that nobody has"
    )


@pytest.mark.parametrize("platform", ["dev", "local"])
def test_what_a_killed_run_made_and_did_not_note_is_made_again(tmp_path: Path, platform: str) -> None:
    told = Place(directory=tmp_path, platform=platform).environment()
    assert told["PULUMI_K8S_ENABLE_PATCH_FORCE"] == "true", "up could never go on from there"


def test_the_backend_of_the_login_is_left_as_it_is(tmp_path: Path) -> None:
    told = Place(directory=tmp_path, platform="dev").environment()
    assert not {"PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"} & set(told)


def test_trials_are_encrypted_by_their_platforms_key(checkout: Path) -> None:
    (checkout / "Pulumi.dev.yaml").write_text("secretsprovider: awskms://alias/dev\nconfig: {}\n")
    (checkout / "Pulumi.prod.yaml").write_text("secretsprovider: awskms://alias/prod\nconfig: {}\n")
    place = Place(directory=checkout, platform="dev")
    assert place.secrets_provider == "awskms://alias/dev", (
        "two keys would be none, and one of prod would be prod's"
    )
    (checkout / "Pulumi.dev.yaml").write_text("config: {}\n")
    assert place.secrets_provider is None, "production's key is none of a trial's business"
    assert Place(directory=checkout, platform="local").secrets_provider is None


@pytest.mark.parametrize(("platform", "why"), [("prod", "is production"), ("deev", "is no stack")])
def test_what_is_no_platform_is_refused(platform: str, why: str) -> None:
    with pytest.raises(OpsError, match=why):
        of_platform(platform, "default")


def test_a_cluster_that_nothing_is_on_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.workspace.STATE", tmp_path)
    with pytest.raises(OpsError, match="nothing onto the embedded cluster typo"):
        of_platform("local", "typo")
    assert not list(tmp_path.iterdir()), "a passphrase and a backend would be made for it"


def test_without_the_cli_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(OpsError, match="pulumi is not on PATH"):
        Place(directory=tmp_path, platform="dev").stacks()


def test_what_the_engine_keeps_in_the_file_stays() -> None:
    text = config_text(
        {"image": "b"}, "encryptionsalt: v1\nconfig:\n  tts-platform:image: a\n  tts-platform:args: []\n"
    )
    assert "encryptionsalt: v1" in text
    assert "tts-platform:image: b" in text
    assert "args" not in text, "what is no longer said would hold on"
