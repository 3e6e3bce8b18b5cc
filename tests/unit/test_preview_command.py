"""A preview that cannot begin at all is a comment as well: the one of the last push would stay there instead."""

import pytest
from typer.testing import CliRunner

from ops import policy_pack, pull_requests
from ops.__main__ import app
from ops.errors import OpsError
from ops.preview import command
from ops.preview.command import Form, previewed
from ops.preview.plan import Plan


def fail(*_: object) -> list[str]:
    raise OpsError("The policy pack's packages cannot be installed: no network")


@pytest.fixture(autouse=True)
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack of which the engine says that nothing changes."""
    monkeypatch.setattr(policy_pack, "ready", list[str])
    for name in ("of_own_backend", "of_nothing"):
        monkeypatch.setattr(command, name, lambda *_: Plan())


def preview(*, own_backend: bool = True, policies: bool = True) -> int:
    return previewed(
        "dev", Form.MARKDOWN, None, own_backend=own_backend, data_loss_allowed=False, policies=policies
    )


def test_what_does_not_begin_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(policy_pack, "ready", fail)
    assert preview() == 1
    text = capsys.readouterr().out
    assert text.startswith("<!-- tts-platform preview: dev -->\n"), "by it the old comment is found"
    assert "the preview failed" in text
    assert "no network" in text


def test_without_the_policies_the_pack_is_not_even_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(policy_pack, "ready", fail)
    assert preview(policies=False) == 0
    assert "nothing changes" in capsys.readouterr().out


def test_without_a_backend_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    preview(own_backend=False)
    assert "compared with nothing" in capsys.readouterr().out
    preview()
    assert "compared with nothing" not in capsys.readouterr().out


@pytest.mark.parametrize("code", [0, 1, 3])
def test_its_end_is_the_exit_code(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(pull_requests, "previewed", lambda *_, **__: code)
    run = CliRunner().invoke(app, ["preview", "--format", "markdown", "--", "prod"])
    assert run.exit_code == code, "a gate that nobody hears of holds nothing up"
