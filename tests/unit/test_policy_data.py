"""What a preview calls lost data and what the policies protect are the same, or it is said why not."""

import pytest

from ops.preview.effects import TABLE
from ops.preview.plan import Op
from ops.preview.rows import Weight
from policy.protection import UNPROTECTED, is_looked_at

LOST = sorted(
    kind
    for kind, rows in TABLE.items()
    if any(row.weight is Weight.DATA and Op.DELETE in row.ops and Op.REPLACE in row.ops for row in rows)
)


@pytest.mark.parametrize("kind", LOST)
def test_what_takes_data_along_is_protected_in_production_or_has_a_reason(kind: str) -> None:
    assert is_looked_at(kind) or UNPROTECTED.get(kind, "").endswith("."), (
        "a replacement would take it, and no rule would have asked for protect"
    )


def test_no_reason_is_left_over() -> None:
    assert not [kind for kind in UNPROTECTED if is_looked_at(kind)]
    assert UNPROTECTED.keys() <= {*LOST}, "it is for a kind that holds nothing"
