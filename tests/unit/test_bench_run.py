"""A run of benchmarks: what it keeps, what ends it, and that there is one at a time."""

from collections.abc import Iterator

import pytest

from tests.bench import machine


@pytest.fixture
def nothing_remembered() -> Iterator[None]:
    machine.program.cache_clear()
    yield
    machine.program.cache_clear()


@pytest.mark.usefixtures("nothing_remembered")
def test_a_machine_without_git_is_measured_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert machine.program() == {"commit": None, "dirty": None}


@pytest.mark.usefixtures("nothing_remembered")
def test_figures_say_which_commit_they_are_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        machine, "_git", lambda *arguments: "abc1234" if arguments[0] == "rev-parse" else " M x"
    )
    found = machine.machine()
    assert (found["commit"], found["dirty"]) == ("abc1234", True), "nobody could say what was measured"
