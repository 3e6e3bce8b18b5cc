"""What a change costs or saves in a month, by the list prices of docs/costs.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from components.tts.snapshot_job.quantity import amount
from ops.preview.effects_kubernetes import CLAIM
from ops.preview.gpu_nodes import NODE_GROUP, nodes
from ops.preview.plan import Change

AS_OF: Final = date(2025, 11, 1)
"""The day of the prices. docs/costs.md has the same figures, and says what they leave out."""

HOURS: Final = 730
"""Of a month."""

SPOT: Final = Decimal("0.4")
"""Of the price on demand, about."""

INSTANCES: Final[Mapping[str, Decimal]] = MappingProxyType(
    {
        "g4dn.xlarge": Decimal("0.526"),
        "g4dn.2xlarge": Decimal("0.752"),
        "g5.xlarge": Decimal("1.006"),
        "g5.2xlarge": Decimal("1.212"),
        "g6.xlarge": Decimal("0.8048"),
        "g6.2xlarge": Decimal("0.9776"),
        "g6e.xlarge": Decimal("1.861"),
        "g6e.2xlarge": Decimal("2.24208"),
        "m6i.large": Decimal("0.096"),
        "m6i.xlarge": Decimal("0.192"),
        "t3.large": Decimal("0.0832"),
        "t3.xlarge": Decimal("0.1664"),
    }
)
"""An hour on demand, by instance type: https://aws.amazon.com/ec2/pricing/on-demand"""

HOURLY: Final[Mapping[str, Decimal]] = MappingProxyType(
    {
        "aws:eks/cluster:Cluster": Decimal("0.10"),
        "aws:ec2/natGateway:NatGateway": Decimal("0.045"),
        "aws:ec2/eip:Eip": Decimal("0.005"),
        "aws:lb/loadBalancer:LoadBalancer": Decimal("0.0225"),
    }
)
"""An hour, by kind: https://aws.amazon.com/eks/pricing, /vpc/pricing, /elasticloadbalancing/pricing"""

STORAGE: Final[Mapping[str, Decimal]] = MappingProxyType(
    {"tts-ebs-gp3": Decimal("0.08"), "tts-efs": Decimal("0.30")}
)
"""A GB and month, by storage class: https://aws.amazon.com/ebs/pricing, /efs/pricing"""

_BY_USE: Final = "tts-efs"
"""EFS bills what is written, whatever a claim asks for."""

_GB: Final = 2**30


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one change makes of the bill, in dollars a month."""

    what: str
    before: Decimal
    after: Decimal


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What all of them make of it."""

    lines: tuple[Line, ...] = ()
    unpriced: tuple[str, ...] = ()
    """What has no price in the table."""

    @property
    def difference(self) -> Decimal:
        """A month, in dollars; below zero is less."""
        return sum((line.after - line.before for line in self.lines), Decimal(0))


def costs(changes: Sequence[Change]) -> Costs:
    """The difference that the changes make."""
    lines, unpriced = [], []
    for change in changes:
        before, after = _price(change, change.old), _price(change, change.new)
        if before is None or after is None:
            if _basis(change, change.old) != _basis(change, change.new):
                unpriced.append(f"{change.name} ({_unknown(change)})")
        elif before != after:
            lines.append(Line(what=_what(change), before=before, after=after))
    return Costs(lines=tuple(lines), unpriced=tuple(unpriced))


def _types(inputs: Mapping[str, Any]) -> list[str]:
    return [str(item) for item in inputs.get("instanceTypes") or []]


def _basis(change: Change, inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a price would be reckoned from."""
    if change.kind == NODE_GROUP:
        return (_types(inputs), inputs.get("capacityType"), nodes(inputs), bool(inputs))
    return (_storage_class(inputs), _size(inputs), bool(inputs))


def _unknown(change: Change) -> str:
    inputs = change.new or change.old
    if change.kind == NODE_GROUP:
        return ", ".join(_types(inputs))
    return f"storage class {_storage_class(inputs) or 'of the cluster'}"


def _storage_class(inputs: Mapping[str, Any]) -> str:
    return str((inputs.get("spec") or {}).get("storageClassName") or "")


def _size(inputs: Mapping[str, Any]) -> str:
    return str(
        (((inputs.get("spec") or {}).get("resources") or {}).get("requests") or {}).get("storage", "0")
    )


def _what(change: Change) -> str:
    if change.kind == NODE_GROUP:
        said = [f"{nodes(item)} {' or '.join(_types(item))}" for item in (change.old, change.new) if item]
        return f"{change.name}: {' → '.join(dict.fromkeys(said))}"
    if change.kind == CLAIM and _BY_USE in (_storage_class(change.old), _storage_class(change.new)):
        return f"{change.name}, once it is full"
    return change.name


def _price(change: Change, inputs: Mapping[str, Any]) -> Decimal | None:
    """A month's price; None where it is not known."""
    if not inputs:
        return Decimal(0)
    if change.kind == NODE_GROUP:
        return _node_group(inputs)
    if change.kind == CLAIM:
        return _claim(inputs)
    return HOURLY.get(change.kind, Decimal(0)) * HOURS


def _claim(inputs: Mapping[str, Any]) -> Decimal | None:
    if (inputs.get("spec") or {}).get("volumeName"):
        # The volume is there already, whoever pays for it.
        return Decimal(0)
    price, size = STORAGE.get(_storage_class(inputs)), amount(_size(inputs))
    return None if price is None or size is None else price * Decimal(size) / _GB


def _node_group(inputs: Mapping[str, Any]) -> Decimal | None:
    # Of several types EC2 gives the first that it has.
    first = next(iter(_types(inputs)), "")
    if first not in INSTANCES:
        return None
    share = SPOT if inputs.get("capacityType") == "SPOT" else Decimal(1)
    return INSTANCES[first] * share * nodes(inputs) * HOURS
