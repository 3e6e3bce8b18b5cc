"""What is wrong with a stack's settings, said so that a person can mend it without asking."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NAMESPACE = "tts-platform"


class Refusal(ValueError):
    """A value that is refused: why, and what to write instead."""

    def __init__(self, why: str, instead: str, *, secret: bool = False):
        super().__init__(f"{why} {instead}")
        self.secret = secret
        """Whether the value must not be shown."""

        self.why = why
        self.instead = instead


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One refused key."""

    key: str
    value: Any
    """As the person wrote it; None where it is missing."""

    why: str
    instead: str

    @property
    def lines(self) -> tuple[str, str]:
        """What is wrong, and the way out."""
        return (self.why if self.value is None else f"{_shown(self.value)} {self.why}", self.instead)


class SettingsError(Exception):
    """All problems of one stack's settings."""

    def __init__(self, stack: str, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__(_report(stack, self.problems))


def _report(stack: str, problems: Sequence[Problem]) -> str:
    keys = [f"{NAMESPACE}:{problem.key}" for problem in problems]
    width = max(len(key) for key in keys)
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    lines = [f"Pulumi.{stack}.yaml: {count}"]
    for key, problem in zip(keys, problems, strict=True):
        first, second = problem.lines
        lines += [f"  {key:<{width}} {first}", f"  {'':<{width}} {second}"]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    text = str(value)
    # A certificate or a whole object would bury what is said about it.
    return f'"{text}"' if len(text) <= 80 and "\n" not in text else f'"{text.splitlines()[0][:60]}..."'
