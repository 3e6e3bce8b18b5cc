from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from components import contour
from tests.bench.rollout import routes
from tests.bench.rollout.proxies import Proxies
from tests.bench.rollout.speech import Answer, longest_silence
from tests.bench.rollout.trials import TIME, Trials
from tests.bench.run import Run


@pytest.fixture
def trials() -> Trials:
    run = Run(console=Console(quiet=True), quick=True, keep_cluster=False)
    stack = cast(Any, SimpleNamespace(cluster=None))
    return Trials("x", "X", run, stack, cast(Any, None))


def test_a_run_that_fails_has_no_figure(trials: Trials) -> None:
    def fails() -> None:
        trials.add("update: pulumi up", 2.0)
        trials.add("update: only the new pod is left", 3.0)
        raise AssertionError("it never spoke again")

    trials.attempt("update", lambda: trials.add("update: pulumi up", 1.0))
    trials.attempt("update", fails)
    trials.attempt("update", lambda: trials.add("update: pulumi up", 4.0))
    assert [series.values for series in trials.results.of(TIME)] == [[1.0, 4.0]]
    assert "never spoke again" in trials.results.notes[-1]
    with pytest.raises(AssertionError):
        trials.attempt("update", fails)


def test_silence_is_between_good_answers_only() -> None:
    answers = [Answer(0, 1, None), Answer(1, 3, "503"), Answer(3, 4.5, None), Answer(4.5, 5, None)]
    assert longest_silence(answers) == 3.5
    with pytest.raises(RuntimeError, match="nothing was spoken"):
        longest_silence(answers[:2])


def test_five_requests_a_second_are_all_that_differs_from_what_is_installed() -> None:
    installed: dict[str, Any] = {"tls": {}}
    contour._configure(installed)
    (changed,) = (part.changed for part in routes.PARTS if part.changed)
    assert changed == {"kubernetesClientQPS": 5, "kubernetesClientBurst": 10}
    assert all(installed[key] > value for key, value in changed.items()), "nothing would be shown"


def test_a_route_is_as_the_service_has_it() -> None:
    speech = {"conditions": [{"prefix": "/stream"}], "services": [], "retryPolicy": {"count": 3}}
    _, route = Proxies(cast(Any, None), "", speech).proxy(7, "new")["spec"]["routes"]
    assert route == {
        "conditions": [{"prefix": "/"}],
        "services": [{"name": "backend", "port": 80}],
        "retryPolicy": {"count": 3},
    }
