"""Kubernetes quantities, compared by what they amount to."""

import re
from decimal import Decimal

_SUFFIXES = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P"), start=1)},
    **{
        suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi"), start=1)
    },
}

_QUANTITY = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<suffix>m|k|[KMGTP]i|[MGTP])?")


def amount(text: str) -> Decimal | None:
    """What `text` amounts to in cores or bytes; None where it is no quantity."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    return Decimal(match["number"]) * _SUFFIXES[match["suffix"] or ""]
