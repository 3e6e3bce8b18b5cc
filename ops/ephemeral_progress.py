"""What the engine does, as it happens: a table of resources at a terminal, and a line for each elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from pulumi.automation.events import DiagnosticEvent, EngineEvent, PolicyEvent, StepEventMetadata

_DOING: Final = {
    "create": "creating",
    "update": "updating",
    "delete": "deleting",
    "replace": "replacing",
    "create-replacement": "replacing",
    "delete-replaced": "deleting",
}
"""What is under way; every other operation leaves the resource as it is."""

_SAYS_EVERY: Final = 30
"""Seconds after which a log gets a line of what is still under way."""

_DONE: Final = {"creating": "created", "updating": "updated", "deleting": "deleted", "replacing": "replaced"}


@dataclass
class Row:
    """One resource."""

    kind: str
    name: str
    state: str
    started: float
    ended: float | None = None
    waits_for: str = ""
    """What the engine said of it last: of a pod that finds no GPU, it is no error yet."""

    @property
    def seconds(self) -> float:
        """For how long it has been, or was, under way."""
        return (self.ended or time.monotonic()) - self.started


@dataclass
class Progress:
    """The rows of one update, in the order in which they began."""

    console: Console
    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    errors: list[str] = field(default_factory=list[str])
    """What resources or the program say is wrong."""

    started: float = field(default_factory=time.monotonic)
    title: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def why(self) -> str:
        """Why the update failed, in one line; empty where nothing says."""
        return " ".join(" ".join(self.errors).split())[:800]

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.started

    def note(self, event: EngineEvent) -> None:
        """Takes an event of the engine, from whichever thread."""
        with self._lock:
            if event.resource_pre_event is not None:
                self._begin(event.resource_pre_event.metadata)
            elif event.res_outputs_event is not None:
                self._end(event.res_outputs_event.metadata, failed=False)
            elif event.res_op_failed_event is not None:
                self._end(event.res_op_failed_event.metadata, failed=True)
            elif event.diagnostic_event is not None:
                self._say(event.diagnostic_event)
            elif event.policy_event is not None:
                self._judged(event.policy_event)

    def _say(self, said: DiagnosticEvent) -> None:
        if said.severity == "error":
            self._error(said.message)
        elif said.urn in self.rows and said.message.strip():
            self.rows[said.urn].waits_for = " ".join(said.message.split())[:200]

    def _judged(self, violation: PolicyEvent) -> None:
        text = f"{violation.policy_name}: {violation.message}"
        if violation.enforcement_level == "mandatory":
            self._error(text)
        else:
            self.console.print(escape(f"{self.title}: {' '.join(text.split())}"), highlight=False)

    def _error(self, message: str) -> None:
        text = message.strip()
        # What comes of another error says nothing of its own.
        if text and "update failed" not in text and "preview failed" not in text and text not in self.errors:
            self.errors.append(text)

    def _begin(self, step: StepEventMetadata) -> None:
        doing = _DOING.get(_text(step.op))
        if doing is None or not step.type.startswith("kubernetes:"):
            return
        self.rows[step.urn] = Row(step.type.rpartition(":")[2], _name(step), doing, time.monotonic())

    def _end(self, step: StepEventMetadata, *, failed: bool) -> None:
        row = self.rows.get(step.urn)
        if row is None or row.ended is not None:
            return
        row.ended = time.monotonic()
        row.state = "failed" if failed else _DONE[row.state]
        if not self.console.is_terminal:
            self._line(row)

    def _line(self, row: Row) -> None:
        prefix = f"{self.title}: " if self.title else ""
        why = f": {row.waits_for}" if row.ended is None and row.waits_for else ""
        self.console.print(
            escape(f"{prefix}{row.state} {row.kind} {row.name} ({row.seconds:.1f} s){why}"), highlight=False
        )

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows the table while the block runs, where somebody looks on."""
        if not self.console.is_terminal:
            over = threading.Event()
            says = threading.Thread(target=self._say_what_lasts, args=(over,), daemon=True)
            says.start()
            try:
                yield
            finally:
                over.set()
                says.join()
            return
        with Live(
            get_renderable=self._table,
            console=self.console,
            refresh_per_second=4,
            vertical_overflow="ellipsis",
        ):
            yield

    def _say_what_lasts(self, over: threading.Event) -> None:
        while not over.wait(_SAYS_EVERY):
            self.say_under_way()

    def say_under_way(self) -> None:
        """Prints a line for each resource that is not done, with what it waits for."""
        with self._lock:
            rows = [row for row in self.rows.values() if row.ended is None]
        for row in rows:
            self._line(row)

    def _table(self) -> Table:
        table = Table(title=f"{self.title} {self.seconds:.0f} s", title_justify="left", box=None)
        for heading in ("resource", "name", "state"):
            table.add_column(heading, no_wrap=True)
        table.add_column("seconds", justify="right")
        # A line each, or the last of them would not be seen.
        table.add_column("", no_wrap=True, overflow="ellipsis")
        with self._lock:
            # What is under way last: there it is seen in a terminal of any height.
            rows = sorted(self.rows.values(), key=lambda row: (row.ended is None, row.started))
        height = max(3, self.console.height - 5)
        for row in rows[-height:]:
            style = "red" if row.state == "failed" else "dim" if row.ended else "bold"
            waits_for = "" if row.ended else escape(row.waits_for)
            table.add_row(row.kind, escape(row.name), row.state, f"{row.seconds:.1f}", waits_for, style=style)
        return table


def _text(op: object) -> str:
    return str(getattr(op, "value", op))


def _name(step: StepEventMetadata) -> str:
    """As the cluster calls it; before it is known, as the program does."""
    state = step.new or step.old
    inputs = (state.inputs if state is not None else None) or {}
    metadata = inputs.get("metadata") or {}
    name = metadata.get("name")
    return str(name) if isinstance(name, str) else step.urn.rpartition("::")[2]
