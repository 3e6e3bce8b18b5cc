"""What a person sees of an update while it happens."""

import io
import time
from typing import Any

import pytest
from pulumi.automation.events import (
    DiagnosticEvent,
    EngineEvent,
    OpType,
    PolicyEvent,
    ResOpFailedEvent,
    ResourcePreEvent,
    ResOutputsEvent,
    StepEventMetadata,
    StepEventStateMetadata,
)
from rich.console import Console

import ops.ephemeral_progress
from ops.ephemeral_progress import Progress

URN = "urn:pulumi:ephemeral-a::tts-platform::kubernetes:apps/v1:Deployment::tts-speech"


def metadata(op: OpType, kind: str = "kubernetes:apps/v1:Deployment", name: str | None = "speech") -> Any:
    inputs = {"metadata": {"name": name}} if name else {}
    state = StepEventStateMetadata(
        type=kind, urn=URN, id="", parent="", provider="", inputs=inputs, outputs={}
    )
    return StepEventMetadata(op=op, urn=URN, type=kind, provider="", new=state)


def event(**of: Any) -> EngineEvent:
    return EngineEvent(sequence=0, timestamp=0, **of)


def begun(op: OpType = OpType.CREATE, **of: Any) -> EngineEvent:
    return event(resource_pre_event=ResourcePreEvent(metadata=metadata(op, **of)))


def done(op: OpType = OpType.CREATE) -> EngineEvent:
    return event(res_outputs_event=ResOutputsEvent(metadata=metadata(op)))


def failed() -> EngineEvent:
    return event(res_op_failed_event=ResOpFailedEvent(metadata=metadata(OpType.CREATE), status=0, steps=0))


def said(message: str, severity: str = "error") -> EngineEvent:
    return event(diagnostic_event=DiagnosticEvent(message=message, color="never", severity=severity, urn=URN))


def progress(*, terminal: bool) -> tuple[Progress, io.StringIO]:
    text = io.StringIO()
    return Progress(Console(file=text, force_terminal=terminal, width=100), title="a"), text


def test_a_line_a_resource_where_nobody_looks_on() -> None:
    seen, text = progress(terminal=False)
    with seen.shown():
        for item in (begun(), done(), begun(OpType.UPDATE), done(OpType.UPDATE), done(OpType.UPDATE)):
            seen.note(item)
    assert [line.partition(" (")[0] for line in text.getvalue().splitlines()] == [
        "a: created Deployment speech",
        "a: updated Deployment speech",
    ]
    assert "\x1b" not in text.getvalue(), "a log would be full of what moves a cursor"


def test_what_stays_as_it_is_is_not_told() -> None:
    seen, text = progress(terminal=False)
    seen.note(begun(OpType.SAME))
    seen.note(begun(kind="pulumi:providers:kubernetes"))
    seen.note(done(OpType.SAME))
    assert not seen.rows
    assert not text.getvalue()


def test_a_table_at_a_terminal() -> None:
    seen, text = progress(terminal=True)
    with seen.shown():
        seen.note(begun())
        seen.note(done())
    assert "Deployment" in text.getvalue()
    assert "created" in text.getvalue()


def test_a_table_higher_than_the_terminal_shows_what_is_under_way() -> None:
    seen, text = progress(terminal=True)
    for number in range(200):
        item = begun(name=f"n{number}")
        assert item.resource_pre_event is not None
        item.resource_pre_event.metadata.urn = f"urn::{number}"
        seen.note(item)
    with seen.shown():
        pass
    assert "n199" in text.getvalue()


def test_a_failure_is_told_with_its_reason() -> None:
    seen, text = progress(terminal=False)
    for item in (
        begun(),
        failed(),
        said("the image cannot be pulled\n"),
        said("update failed"),
        said("x", "info"),
    ):
        seen.note(item)
    assert "failed Deployment speech" in text.getvalue()
    assert seen.why == "the image cannot be pulled", "somebody would have to look for it in the cluster"


def test_a_resource_without_a_name_goes_by_the_programs() -> None:
    seen, _ = progress(terminal=False)
    seen.note(begun(name=None))
    assert [row.name for row in seen.rows.values()] == ["tts-speech"]


@pytest.mark.parametrize("terminal", [True, False])
def test_what_it_waits_for_is_told(terminal: bool) -> None:
    seen, text = progress(terminal=terminal)
    with seen.shown():
        seen.note(begun())
        seen.note(said("[1/2] 0/2 nodes: Insufficient nvidia.com/gpu\n", "warning"))
        seen.say_under_way()
    assert "Insufficient nvidia.com/gpu" in text.getvalue(), (
        "nine minutes of silence would say nothing of a reason"
    )
    seen.note(done())
    assert "Insufficient" not in text.getvalue().splitlines()[-1] or terminal, "it is done waiting"


def test_a_log_is_told_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.ephemeral_progress, "_SAYS_EVERY", 0.01)
    seen, text = progress(terminal=False)
    with seen.shown():
        seen.note(begun())
        until = time.monotonic() + 10
        while "creating Deployment speech" not in text.getvalue():
            assert time.monotonic() < until, "a log gets a line when a resource ends, which this one may not"
            time.sleep(0.01)


@pytest.mark.parametrize(("level", "why"), [("mandatory", "image-registry: Not of ours."), ("advisory", "")])
def test_a_policy_that_refuses_it_is_the_reason(level: str, why: str) -> None:
    seen, text = progress(terminal=False)
    of = {"policy_name": "image-registry", "policy_pack_name": "it", "policy_pack_version": "1"}
    violation = PolicyEvent(
        "Not of ours.", "never", **of, policy_pack_version_tag="1", enforcement_level=level
    )
    seen.note(event(policy_event=violation))
    assert seen.why == why
    assert bool(text.getvalue()) == (level == "advisory"), (
        "an advice is shown, and what refuses is told at the end"
    )
