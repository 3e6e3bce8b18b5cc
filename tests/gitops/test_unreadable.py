"""Settings with which Argo CD cannot read git: the update says so in words, a minute later at the latest."""

import time
from typing import Any

import pytest

from tests.gitops.delivered import TOKEN, Delivered

WITHOUT_MANIFESTS = "without-manifests"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("gitRevision", "mian", "there is no such branch or tag"),
        ("gitRevision", WITHOUT_MANIFESTS, "the manifests are not on it"),
        ("gitRepository", "http://198.18.0.2:9/speech.git", "nothing answers there"),
        ("gitToken", "a guess", "git refuses the credential"),
    ],
)
def test_it_is_told(delivered: Delivered, key: str, value: Any, says: str) -> None:
    delivered.push_settings_alone(WITHOUT_MANIFESTS)
    before = dict(delivered.settings)
    if key == "gitToken":
        delivered.secret(key, value)
    else:
        delivered.settings[key] = value
    started = time.monotonic()
    run = delivered.pulumi("up", "--yes", "--skip-preview")
    said = run.stdout + run.stderr
    assert run.returncode != 0
    assert f"tts-platform:{key}" in said
    assert says in said
    assert "Traceback" not in said
    assert time.monotonic() - started < 120, "the update itself, and a minute"
    delivered.settings = before
    delivered.secret("gitToken", TOKEN)
    delivered.up()
    delivered.until_healthy_at(delivered.server.head)
