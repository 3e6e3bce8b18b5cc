"""Which snapshot the service's volumes are made from, and what the claims are called then.

A claim's source cannot change, so that a restore is another claim. Its name says what it was made from; a further
restore of the same snapshot has a number of its own, after two dashes: x-2 is another snapshot than x.
"""

import re
from dataclasses import dataclass

_FORM = re.compile(
    r"(?!.*--)(?P<snapshot>[a-z0-9]([a-z0-9.-]{0,52}[a-z0-9])?)(@(?P<number>[2-9]|[1-9]\d{1,3}))?"
)


@dataclass(frozen=True, kw_only=True)
class Restore:
    """A restore, as `restoreFrom` writes it: `<snapshot>`, or `<snapshot>@<number>` for a further one."""

    snapshot: str
    number: int = 1
    """Of several restores of one snapshot."""

    @property
    def suffix(self) -> str:
        """What a restored claim's name ends with."""
        return f"-{self.snapshot}" if self.number == 1 else f"-{self.snapshot}--{self.number}"

    def claim(self, volume: str) -> str:
        """Name of the claim that stands in for the volume's first one."""
        return f"{volume}{self.suffix}"

    def __str__(self) -> str:
        return self.snapshot if self.number == 1 else f"{self.snapshot}@{self.number}"


def parse(text: str) -> Restore:
    """The restore that a text names. Raises ValueError for one that names none."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} names no snapshot")
    return Restore(snapshot=match["snapshot"], number=int(match["number"] or 1))
