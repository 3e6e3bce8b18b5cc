"""Two environments side by side."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops import __main__ as commands
from ops import stacks_diff

ROOT = Path(__file__).parents[2]


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(commands.app, ["diff-stacks", "dev", "prod", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.setattr(commands, "CHECKOUT", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("checkout")
class TestDevAndProd:
    def test_defaults_are_settings_too(self) -> None:
        found = json.loads(shown("--json"))
        assert found["rollout"] == {"differs": True, "dev": "in-place", "prod": "surge"}, (
            "no file says so, and it is what a release feels like"
        )
        assert found["domain"]["dev"] == "tts-dev.example.com"

    def test_what_is_equal_is_shown_when_asked_for(self) -> None:
        assert "engine" not in json.loads(shown("--json"))
        assert json.loads(shown("--json", "--all"))["engine"] == {
            "differs": False,
            "dev": "cosyvoice",
            "prod": "cosyvoice",
        }

    def test_a_key_that_one_of_them_cannot_have_is_shown(self) -> None:
        assert json.loads(shown("--json"))["gitRevision"] == {"differs": True, "dev": None, "prod": "main"}

    def test_the_table_marks_what_differs(self) -> None:
        rows = [line for line in shown("--all").splitlines() if line.startswith("│")]
        (domain,) = [row for row in rows if "│ domain " in row]
        (engine,) = [row for row in rows if "│ engine " in row]
        assert domain.startswith("│ ≠ │")
        assert engine.startswith("│   │")

    def test_the_table_cuts_nothing_off(self) -> None:
        assert "…" not in shown("--all"), "the difference may be at the end"


def test_a_promotion_is_one_line(checkout: Path) -> None:
    prod = checkout / "Pulumi.prod.yaml"
    dev = checkout / "Pulumi.dev.yaml"
    dev.write_text(dev.read_text().replace(":1.4.2", ":1.5.0"))
    image = next(item for item in stacks_diff.compare(checkout, "dev", "prod") if item.key == "image")
    assert image.differs
    prod.write_text(prod.read_text().replace(image.second, image.first))
    assert not next(
        item for item in stacks_diff.compare(checkout, "dev", "prod") if item.key == "image"
    ).differs


def test_a_secret_is_never_shown(checkout: Path) -> None:
    prod = checkout / "Pulumi.prod.yaml"
    prod.write_text(prod.read_text() + "  tts-platform:gitToken:\n    secure: v1:ciphertext\n")
    text = shown("--json")
    assert json.loads(text)["gitToken"]["prod"] == "(secret)"
    assert "ciphertext" not in text
