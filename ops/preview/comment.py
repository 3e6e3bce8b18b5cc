"""A review as a comment on a pull request: the verdict, then what it means and what it costs, then the diff, folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ops.preview.costs import AS_OF
from ops.preview.gate import LABEL
from ops.preview.markdown import bounded, code, escaped, fenced, folded, shortened
from ops.preview.plan import Change, Op, Plan
from ops.preview.review import Review, kind
from ops.preview.rows import Weight

LIMIT: Final = 60_000
"""Bytes of a comment. GitHub takes 65,536 characters."""

_MARGIN: Final = 2_000
"""Bytes for what stands around the diffs."""

_NAMES: Final = 8
"""Names in a line. More are counted."""

_NAME: Final = 120
"""Characters of a name."""

_MEANINGS: Final = 16_000
"""Bytes of what changes mean; beyond, they are counted, and not named."""

_VALUE: Final = 200
"""Characters of a value in the diff."""

_LINES: Final = 200
"""Lines of a resource's diff."""

_LINES_NEW: Final = 40
"""Of one that is new: no reader compares it with anything."""

_ERROR: Final = 4_000
"""Characters of what Pulumi says."""

_MESSAGE: Final = 1_000
"""Bytes of what a policy says."""

_UNKNOWN: Final = "Nothing can be said of what it would change."
_COMPARED: Final = "compared with nothing, "
_WEIGHTS: Final = {Weight.DATA: "🔴", Weight.GPUS: "🔴", Weight.DOWN: "🟠", Weight.NOTE: "⚪"}


def marker(stack: str) -> str:
    """What a stack's comment begins with: by it the comment is found again, and edited."""
    return f"<!-- tts-platform preview: {stack} -->"


def comment(review: Review) -> str:
    """The comment, of less than `LIMIT` bytes."""
    text = "\n\n".join([marker(review.stack), f"### {verdict(review)}"])
    left = 0
    for part in _head(review):
        fits = _size(text) + _size(part) < LIMIT - 2 * _MARGIN
        text += f"\n\n{part}" if fits else ""
        left += not fits
    if left:
        text += f"\n\n{left} more parts do not fit here. All of it: {_command(review.stack)}"
    half = ", as far as it got" if _half_known(review.plan) else ""
    sections = [
        (title, changes)
        for title, changes in (
            (f"What Pulumi changes{half}", review.plan.changes),
            ("What Argo CD changes", review.delivered),
        )
        if changes
    ]
    for done, (title, changes) in enumerate(sections):
        room = (LIMIT - _size(text) - _MARGIN) // (len(sections) - done)
        text += f"\n\n{_diffs(title, changes, review.stack, room)}"
    return f"{text}\n"


def verdict(review: Review) -> str:
    """The first line."""
    stack = code(review.stack)
    if _half_known(review.plan):
        return f"{stack}: the preview failed"
    counts = review.counts
    said = [
        f"**{counts[op]} {op}**" if op in (Op.REPLACE, Op.DELETE) else f"{counts[op]} {op}"
        for op in Op
        if counts[op]
    ]
    refused = "**refused by a policy**, " if review.plan.refused else ""
    return (
        f"{stack}: {refused}{_COMPARED if review.from_nothing else ''}{', '.join(said) or 'nothing changes'}"
    )


def _half_known(plan: Plan) -> bool:
    """Whether it ended before it had seen everything."""
    return plan.failed and not plan.refused


def _head(review: Review) -> Iterator[str]:
    plan = review.plan
    if review.from_nothing:
        yield "No backend was named: this is the whole stack, and what it would delete or replace cannot be seen."
    if plan.errors:
        known = "Not all that it would change is known." if review.changes else _UNKNOWN
        reason = fenced(shortened("\n".join(plan.errors), _ERROR).splitlines())
        yield f"{known} Pulumi says:\n\n{reason}"
    mandatory = [item for item in plan.violations if item.mandatory]
    for title, found in (
        ("Policies that refuse it", mandatory),
        ("Policies that advise against it", [item for item in plan.violations if not item.mandatory]),
    ):
        if found:
            lines = [
                f"- {code(shortened(item.resource, _NAME))} {escaped(shortened(item.policy, _NAME))}: "
                f"{bounded(item.message, _MESSAGE)}"
                for item in found[:_NAMES]
            ]
            more = [f"- and {len(found) - _NAMES} more"] if len(found) > _NAMES else []
            yield "\n".join([f"**{title}**", "", *lines, *more])
    # What failed, no label lets pass.
    if review.stopped and not plan.failed:
        yield _gate(review)
    if review.meanings():
        yield "\n".join(_meanings(review))
    yield from _costs(review)
    if plan.warnings:
        reason = fenced(shortened("\n".join(plan.warnings), _ERROR).splitlines())
        yield f"Pulumi warns:\n\n{reason}"


def _meanings(review: Review) -> Iterator[str]:
    room = _MEANINGS
    for means, changes in review.meanings().items():
        line = f"- {_WEIGHTS[means.weight]} {_named(changes)}: {means.text}"
        room -= len(line.encode())
        yield (
            line
            if room > 0
            else f"- {_WEIGHTS[means.weight]} {len(changes)} {_kind(changes[0])}: {means.text}"
        )


def _gate(review: Review) -> str:
    if review.data_loss_allowed:
        return (
            f"**This loses data, or the last GPU node. The label {code(LABEL)} says that it is meant:** "
            f"{_named(review.stopped)}."
        )
    return (
        "**This loses data, or the last GPU node, and fails for that.** If it is meant, give the pull request "
        f"the label {code(LABEL)}."
    )


def _named(changes: Sequence[Change]) -> str:
    names = [_summary(change) for change in changes[:_NAMES]]
    more = len(changes) - _NAMES
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _costs(review: Review) -> Iterator[str]:
    costs = review.costs
    if costs.lines:
        sign = "+" if costs.difference > 0 else "-" if costs.difference < 0 else "±"
        total = f"{sign}{abs(costs.difference):.0f}"
        lines = [
            f"| {code(shortened(line.what, _VALUE))} | {line.before:.0f} | {line.after:.0f} |"
            for line in costs.lines[:20]
        ]
        table = "\n".join(["| dollars a month | before | after |", "| --- | ---: | ---: |", *lines])
        prices = f"List prices of us-east-1 of {AS_OF}, [docs/costs.md](../blob/main/docs/costs.md)."
        yield f"**{total} dollars a month.** {prices}\n\n{table}"
    if costs.unpriced:
        names = ", ".join(code(shortened(item, _VALUE)) for item in costs.unpriced[:_NAMES])
        yield f"No price is known of {names}."


def _diffs(title: str, changes: Sequence[Change], stack: str, room: int) -> str:
    brief = [_summary(change) for change in changes]
    # Each by its name first; what room is left then is the diffs', from the top.
    room -= sum(_size(f"- {text}") for text in brief)
    parts: list[str] = []
    short = 0
    for change, summary in zip(changes, brief, strict=True):
        lines = list(_lines(change))
        part = folded(summary, fenced(_cut(lines, _limit(change)), "diff")) if lines else f"- {summary}"
        more = _size(part) - _size(f"- {summary}")
        fits = more <= room
        room -= more if fits else 0
        parts.append(part if fits else f"- {summary}")
        short += not fits
    left = 0
    while room < 0 and parts:
        room += _size(parts.pop())
        left += 1
    if left or short:
        diffs = f"the diffs of {short - left}" if short > left else ""
        said = " and ".join(filter(None, (f"{left} of {len(changes)}" if left else "", diffs)))
        parts.append(f"Left out here: {said}. All of it: {_command(stack)}")
    return folded(f"{title}: {len(changes)}", "\n\n".join(parts))


def _command(stack: str) -> str:
    return code(f"make preview STACK={stack} FORMAT=json")


def _size(part: str) -> int:
    return len(part.encode()) + 2


def _summary(change: Change) -> str:
    return f"{_kind(change)} {code(shortened(change.name, _NAME))} {change.op}"


def _kind(change: Change) -> str:
    # Of an object in manifests/ it is whatever somebody has written there.
    return escaped(shortened(kind(change), _NAME))


def _limit(change: Change) -> int:
    return _LINES_NEW if change.op is Op.CREATE else _LINES


def _cut(lines: list[str], limit: int) -> list[str]:
    cut = len(lines) - limit
    return [*lines[:limit], f"… {cut} more lines"] if cut > 0 else lines


def _lines(change: Change) -> Iterator[str]:
    if change.op is Op.REPLACE and not change.leaves:
        yield "! It goes along with what it depends on."
    for leaf in change.leaves:
        why = "  (replaces it)" if leaf.replaces else ""
        path = _value(leaf.path)
        if leaf.before is not None:
            yield f"- {path}: {_value(leaf.before)}{why}"
        if leaf.after is not None:
            yield f"+ {path}: {_value(leaf.after)}{why}"
        if leaf.before is None and leaf.after is None:
            yield f"! {path}{why}"


def _value(text: str) -> str:
    return shortened(" ⏎ ".join(text.splitlines()), _VALUE)
