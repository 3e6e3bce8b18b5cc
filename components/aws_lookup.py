"""Looking up in AWS what may not be there."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def look_up(ask: Callable[[], T], absent: Sequence[str]) -> T | None:
    """What is there; None where AWS answers with one of the texts `absent`."""
    try:
        return ask()
    except Exception as error:
        # Pulumi raises a bare Exception. Anything but "not there" (no right to look, say) must not pass for it.
        if any(text in str(error) for text in absent):
            return None
        raise
