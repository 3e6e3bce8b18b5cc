"""What the engine is told where its state is in this machine's files."""

from pathlib import Path

import pytest

from ops import own_state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The only directory of PATH."""
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def told(tmp_path: Path, *, aws: bool) -> dict[str, str]:
    return own_state.environment(tmp_path / "stack/state", aws=aws, path=str(tmp_path / "bin"))


def has(path: Path, *providers: str) -> None:
    for provider in providers:
        (path / f"pulumi-resource-{provider}").touch(mode=0o700)


def test_with_its_providers_on_path_it_keeps_no_log_and_fetches_nothing(tmp_path: Path, path: Path) -> None:
    has(path, "kubernetes")
    for _ in range(2):
        found = told(tmp_path, aws=False)
    assert found["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    home = Path(found["PULUMI_HOME"])
    assert home.parent == tmp_path / "stack", "it would not go with the stack"
    with pytest.raises(FileExistsError):
        (home / "logs").mkdir(parents=True, exist_ok=True)


def test_without_them_they_come_from_the_persons_home(tmp_path: Path, path: Path) -> None:
    assert "PULUMI_HOME" not in told(tmp_path, aws=False)
    has(path, "kubernetes")
    assert "PULUMI_HOME" not in told(tmp_path, aws=True), "the provider of AWS would be missing"
    has(path, "aws")
    assert "PULUMI_HOME" in told(tmp_path, aws=True)


@pytest.mark.usefixtures("path")
def test_the_state_is_where_it_was_said(tmp_path: Path) -> None:
    url = told(tmp_path, aws=False)["PULUMI_BACKEND_URL"]
    assert url.partition("?")[0] == f"file://{tmp_path}/stack/state"
