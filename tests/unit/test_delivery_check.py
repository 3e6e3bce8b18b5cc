"""What an update says when Argo CD cannot read git."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from components.delivery_check import problems, read

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
        (f"{UNKNOWN}authentication required: Repository not found.", "gitRepository", "no such repository"),
        (f"{UNKNOWN}ssh: handshake failed: knownhosts: key is unknown", "gitRepository", "host's SSH key"),
        (f"{UNKNOWN}tls: x509: certificate signed by unknown authority", "gitRepository", "certificate"),
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


class Controller:
    """Looks into git when it is asked, and finds one thing after the other; the last one stays."""

    def __init__(self, *finds: Mapping[str, Any] | Exception) -> None:
        self.finds: Iterator[Mapping[str, Any] | Exception] = iter(finds)
        self.found: Mapping[str, Any] | Exception = looking()
        self.asked = 0

    def ask(self) -> None:
        self.asked += 1
        self.found = next(self.finds, self.found)

    def look(self) -> Mapping[str, Any]:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def read(self, seconds: float = 5) -> Mapping[str, Any]:
        return read(self.ask, self.look, (ConnectionError,), seconds, pause=0.01)


def seen(*conditions: tuple[str, str]) -> dict[str, Any]:
    return {**application(*conditions), "metadata": {"annotations": {}}}


def looking() -> dict[str, Any]:
    return {**application(), "metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}


AWAY = seen(
    (
        "ComparisonError",
        "Failed to load target state: rpc error: code = Unavailable desc = connection error: desc = "
        '"transport: Error while dialing: dial tcp 10.96.3.4:8081: connect: connection refused"',
    )
)
UNREADABLE = seen(("ComparisonError", f"{UNKNOWN}failed to list refs: repository not found"))


class TestReading:
    def test_a_part_of_argo_cd_that_is_away_is_waited_for(self) -> None:
        controller = Controller(AWAY, AWAY, seen())
        assert not list(problems(controller.read())), "gitRepository would be blamed, which is right"
        assert controller.asked == 3, "nobody would look again before the next poll"

    def test_what_git_says_is_told_at_once(self) -> None:
        controller = Controller(AWAY, UNREADABLE, seen())
        assert list(problems(controller.read()))
        assert controller.asked == 2

    def test_it_is_asked_once_where_it_looks(self) -> None:
        controller = Controller(looking())
        with pytest.raises(TimeoutError) as error:
            controller.read(seconds=0.1)
        assert str(error.value) == ""
        assert controller.asked == 1

    def test_one_that_stays_away_is_named(self) -> None:
        with pytest.raises(TimeoutError, match=r"code = Unavailable .*:8081"):
            Controller(AWAY).read(seconds=0.1)

    def test_a_cluster_that_does_not_answer_is_asked_again(self) -> None:
        class Shy(Controller):
            def ask(self) -> None:
                super().ask()
                if self.asked < 3:
                    raise ConnectionError("reset")

        controller = Shy(seen())
        assert not list(problems(controller.read()))
        assert controller.asked == 3
