"""What a month costs, where the bill is not the claim's or the pool's own figure."""

from decimal import Decimal
from typing import Any

from ops.preview.costs import costs
from ops.preview.effects_kubernetes import CLAIM
from ops.preview.gpu_nodes import NODE_GROUP
from ops.preview.plan import Change, Op
from tests.support.previews import pool


def claim(size: str, storage_class: str | None, **more: Any) -> dict[str, Any]:
    return {"spec": {"storageClassName": storage_class, "resources": {"requests": {"storage": size}}, **more}}


def grown(storage_class: str | None, **more: Any) -> Change:
    old, new = claim("50Gi", storage_class, **more), claim("100Gi", storage_class, **more)
    return Change(op=Op.UPDATE, kind=CLAIM, name="tts/outputs", old=old, new=new)


def test_a_disk_is_billed_by_its_size() -> None:
    (line,) = costs([grown("tts-ebs-gp3")]).lines
    assert (line.what, line.after - line.before) == ("tts/outputs", Decimal(4))


def test_a_file_system_is_billed_by_what_is_in_it() -> None:
    (line,) = costs([grown("tts-efs")]).lines
    assert line.what == "tts/outputs, once it is full", "a larger claim costs nothing by itself"


def test_a_class_without_a_price_is_named() -> None:
    assert costs([grown("somebodys")]).unpriced == ("tts/outputs (storage class somebodys)",), (
        "nothing said would be read as nothing paid"
    )
    assert costs([grown(None)]).unpriced == ("tts/outputs (storage class of the cluster)",)


def test_a_volume_that_is_there_is_paid_for_already() -> None:
    found = costs([grown("", volumeName="outputs-bucket")])
    assert (found.lines, found.unpriced) == ((), ())


def test_a_pool_without_a_price_that_stays_as_it_is() -> None:
    old, new = pool(["p5.48xlarge"], 1), pool(["p5.48xlarge"], 1, tags={"owner": "speech"})
    change = Change(op=Op.UPDATE, kind=NODE_GROUP, name="gpu", old=old, new=new)
    assert not costs([change]).unpriced, "a tag costs nothing, whatever the instance does"
