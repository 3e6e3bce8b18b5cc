"""A run of benchmarks: what it keeps, what ends it, and that there is one at a time."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NoReturn

import httpx
import pytest
from typer.testing import CliRunner, Result

from local.errors import LocalError
from tests.bench import machine
from tests.bench.__main__ import app
from tests.bench.results import Results, kept
from tests.bench.run import Run, alone


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


def results(name: str, *, complete: bool = True) -> Results:
    return Results(name=name, title=name, machine={}, complete=complete)


def test_what_is_unfinished_replaces_nothing_and_is_not_read(tmp_path: Path) -> None:
    results("x").keep(tmp_path)
    part = results("x", complete=False)
    part.add("Envoy", "few", "p95", "ms", 1)
    file = part.keep(tmp_path)
    assert [one.series for one in kept(tmp_path)] == [[]], (
        "half of a run would replace the whole of an earlier one"
    )
    results("x").keep(tmp_path)
    assert not file.exists(), "a part is no news once the whole is there"
    assert "complete" not in (tmp_path / "x.json").read_text(), "what is kept is complete"


def test_two_runs_do_not_share_a_cluster(state: Path) -> None:
    with alone(), pytest.raises(LocalError, match="Another make bench"), alone():
        pass
    with alone():
        assert list(state.iterdir()), "it can be had again"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "state"
    monkeypatch.setattr("tests.bench.run.STATE", directory)
    monkeypatch.setattr("tests.bench.__main__.STATE", directory)
    return directory


class Module:
    """A benchmark that knows whether its cluster was taken down."""

    def __init__(self, *found: Results, end: BaseException | None = None) -> None:
        self.PARTS: tuple[str, ...] = tuple(one.name for one in found)
        self._found, self._end = found, end
        self.is_down = False

    def measure(self, _: Run) -> Iterator[Results]:
        try:
            yield from self._found
            if self._end is not None:
                raise self._end
        finally:
            self.is_down = True


@pytest.fixture
def bench(state: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    # Where only the tests' packages are installed, nothing draws.
    plots = ModuleType("tests.bench.plots")
    vars(plots)["draw"] = lambda *_: []
    monkeypatch.setitem(sys.modules, plots.__name__, plots)

    def run(edge: Module, rollout: Module, *arguments: str) -> Result:
        modules = {"tests.bench.edge.measure": edge, "tests.bench.rollout.measure": rollout}
        importlib = SimpleNamespace(import_module=modules.__getitem__)
        monkeypatch.setattr("tests.bench.__main__.importlib", importlib)
        output = f"--output={state.parent / 'kept'}"
        return CliRunner().invoke(app, ["run", output, *arguments, "--", "edge", "rollout"])

    return run


@pytest.mark.parametrize("error", [KeyError("x"), httpx.ReadTimeout("slow"), AssertionError()])
def test_what_ends_one_benchmark_does_not_end_the_next(
    bench: Callable[..., Result], state: Path, error: Exception
) -> None:
    first, second = Module(results("edge-x"), end=error), Module(results("rollout-x"))
    first.PARTS += ("edge-y",)
    with pytest.raises(LocalError, match=r"to the end: edge\. Without new figures: edge-y\."):
        raise_of(bench(first, second))
    assert first.is_down
    assert [one.name for one in kept(state.parent / "kept")] == ["edge-x", "rollout-x"], "hours for nothing"
    assert type(error).__name__ in (state / "failed-edge.txt").read_text()


def test_an_interrupt_takes_the_cluster_down(
    bench: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    def interrupted(_: Results) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("tests.bench.__main__._show", interrupted)
    first, second = Module(results("edge-x"), results("edge-y")), Module(results("rollout-x"))
    result = bench(first, second)
    assert result.exit_code == 130
    assert "Kept so far: nothing; make down NAME=bench" in result.stderr
    assert first.is_down, "the generator would wait for its next turn, and the cluster with it"
    assert not (state.parent / "kept").exists()


def test_an_unfinished_result_is_not_printed(
    bench: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Results] = []
    monkeypatch.setattr("tests.bench.__main__._show", shown.append)
    bench(
        Module(results("edge-x", complete=False), results("edge-x")), Module(results("rollout-x")), "--quick"
    )
    assert [one.name for one in shown] == ["edge-x", "rollout-x"], "the same tables again and again"


def raise_of(result: Result) -> None:
    assert result.exception is not None
    raise result.exception


def test_a_report_leaves_an_interrupted_runs_figures_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What draws is installed for make bench only.
    drawn: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        "tests.bench.__main__._draw", lambda results, _: drawn.append((results.name, results.complete))
    )
    whole, partial = Results(name="edge-x", title="X"), Results(name="edge-x", title="X", complete=False)
    for one in (whole, partial):
        one.keep(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert set(before) == {"edge-x.json", "edge-x.partial.json"}
    done = CliRunner().invoke(app, ["report", "--output", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert drawn == [("edge-x", True)]
