"""What an update says when Argo CD cannot read git."""

from typing import Any

import pytest

from components.delivery_check import problems

UNKNOWN = "rpc error: code = Unknown desc = "


def application(*conditions: tuple[str, str]) -> dict[str, Any]:
    return {
        "spec": {
            "source": {
                "repoURL": "https://git.acme.io/speech.git",
                "path": "manifests/prod",
                "targetRevision": "main",
            }
        },
        "status": {"conditions": [{"type": kind, "message": message} for kind, message in conditions]},
    }


@pytest.mark.parametrize(
    ("said", "key", "meaning"),
    [
        (f"{UNKNOWN}authentication required", "gitToken", "refuses the credential"),
        (f"{UNKNOWN}failed to list refs: repository not found", "gitRepository", "no such repository"),
        (f"{UNKNOWN}unable to resolve 'mian' to a commit SHA", "gitRevision", "no such branch or tag"),
        (f"{UNKNOWN}manifests/prod: app path does not exist", "gitRevision", "make render"),
        ("dial tcp: lookup git.acme.io on 10.0.0.10:53: no such host", "gitRepository", "look up the host"),
        ("dial tcp 10.0.0.7:443: connect: connection refused", "gitRepository", "nothing answers there"),
        ("dial tcp 10.0.0.7:443: i/o timeout", "gitRepository", "does not reach it"),
    ],
)
def test_it_is_told_in_one_line_with_the_key_to_mend(said: str, key: str, meaning: str) -> None:
    (problem,) = problems(application(("ComparisonError", f"Failed to load target state: {said}")))
    assert problem.startswith(
        f"tts-platform:{key}: Argo CD cannot read manifests/prod of https://git.acme.io/"
    )
    assert meaning in problem
    assert "\n" not in problem


def test_what_is_in_git_is_no_settings_fault() -> None:
    said = "Failed to unmarshal\n a manifest"
    (problem,) = problems(application(("ComparisonError", said)))
    assert problem == (
        "Argo CD cannot deliver manifests/prod of https://git.acme.io/speech.git at main. "
        "It says: Failed to unmarshal a manifest"
    ), "a key that is right would be looked at"


def test_what_is_read_is_no_problem() -> None:
    assert not list(problems(application()))
    assert not list(problems({**application(), "status": {}}))


def test_a_sync_that_failed_is_another_matter() -> None:
    assert not list(problems(application(("SyncError", "one or more objects failed to apply")))), (
        "git was read: the old pods serve on, and the application says why"
    )
