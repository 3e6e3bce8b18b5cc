"""To whom a moment belongs: to those who used the processors in it, and to waiting where nobody did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

CLUSTER: Final = "cluster"
WAITING: Final = "waiting"
PROGRAM: Final = "program"
IMPORT: Final = "import"


@dataclass
class Shares:
    """Adds up looks at how much of the processors everybody has used so far.

    Of a time between two looks everybody gets the seconds that they computed. Where several computed at once, and more
    than it lasted, it is divided between them in proportion; where less was computed, the rest is waiting. So the parts
    add up to the time that passed.
    """

    importing: float = 0.0
    """Seconds of the processor that the program spends on its imports, before anything else."""

    wall: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds that passed, by whom they belong to."""

    cpu: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds of the processors."""

    _used: dict[str, float] = field(default_factory=dict[str, float])
    _time: float = 0.0

    def begin(self, used: Mapping[str, float], now: float) -> None:
        """The first look: what was used before it counts for nobody."""
        self._used, self._time = dict(used), now

    def look(self, used: Mapping[str, float], now: float) -> None:
        """A further look; `used` are seconds since each began, by role."""
        spent = {role: max(0.0, seconds - self._used.get(role, 0.0)) for role, seconds in used.items()}
        self._used |= used
        passed, self._time = now - self._time, now
        if PROGRAM in spent:
            left = max(0.0, self.importing - self.cpu.get(IMPORT, 0.0))
            spent[IMPORT] = min(spent[PROGRAM], left)
            spent[PROGRAM] -= spent[IMPORT]
        computed = sum(spent.values())
        part = min(1.0, passed / computed) if computed else 1.0
        for role, seconds in spent.items():
            self.cpu[role] = self.cpu.get(role, 0.0) + seconds
            self.wall[role] = self.wall.get(role, 0.0) + seconds * part
        self.wall[WAITING] = self.wall.get(WAITING, 0.0) + max(0.0, passed - computed)
