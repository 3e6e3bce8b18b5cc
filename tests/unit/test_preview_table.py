"""The table of effects: rows for what guards data, and a decision on every kind that the program makes."""

from collections.abc import Iterator
from typing import Any

import pulumi
import pytest

from ops.preview.difference import Leaf
from ops.preview.effects import SAYS_NOTHING, TABLE
from ops.preview.effects_aws import OF_AWS
from ops.preview.effects_kubernetes import OF_KUBERNETES
from ops.preview.meaning import covers, meaning
from ops.preview.plan import Change, Op
from ops.preview.rows import Weight
from tests.unit.test_policy_program import CASES, registered

APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def change(op: Op, kind: str, *leaves: Leaf, **new: Any) -> Change:
    return Change(op=op, kind=kind, name="it", old={"a": 1}, new=new, leaves=leaves)


def weight(told: Change) -> Weight | None:
    found = meaning(told)
    return found.weight if found else None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("spec.destination.namespace", Weight.DATA),
        ("spec.destination.server", Weight.DATA),
        ("spec.source.path", Weight.DOWN),
        ("spec.source.targetRevision", Weight.DOWN),
        ("spec.syncPolicy.automated.selfHeal", Weight.NOTE),
    ],
)
def test_an_application_that_moves_prunes_what_it_leaves(path: str, expected: Weight) -> None:
    told = change(Op.UPDATE, APPLICATION, Leaf(path, "a", "b"))
    assert weight(told) is expected, "the service and its route go, and manifests/ says nothing of it"


@pytest.mark.parametrize(
    ("kind", "op", "expected"),
    [
        ("aws:s3/bucketVersioning:BucketVersioning", Op.DELETE, Weight.NOTE),
        ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", Op.DELETE, Weight.NOTE),
        ("aws:dlm/lifecyclePolicy:LifecyclePolicy", Op.DELETE, Weight.NOTE),
        ("aws:cloudwatch/logGroup:LogGroup", Op.DELETE, Weight.DATA),
        ("aws:cloudwatch/logGroup:LogGroup", Op.REPLACE, Weight.DATA),
        ("aws:eks/accessEntry:AccessEntry", Op.DELETE, Weight.DOWN),
        ("aws:eks/podIdentityAssociation:PodIdentityAssociation", Op.DELETE, Weight.DOWN),
        ("aws:iam/role:Role", Op.REPLACE, Weight.DOWN),
    ],
)
def test_what_guards_data_or_lets_people_in_says_so(kind: str, op: Op, expected: Weight) -> None:
    assert weight(change(op, kind)) is expected, "a reviewer would have to know it by heart"


@pytest.mark.parametrize(
    ("path", "before", "after", "expected"),
    [
        ("rules[0].expiration.days", None, "30", Weight.DATA),
        ("rules[0].expiration.days", "90", "30", Weight.DATA),
        ("rules[0].noncurrentVersionExpiration.noncurrentDays", "30", "1", Weight.DATA),
        ("rules[0].expiration.days", "30", "90", Weight.NOTE),
        ("rules[0].expiration.days", "30", None, Weight.NOTE),
        ("rules[0].transitions[0].days", "30", "60", Weight.NOTE),
    ],
)
def test_a_rule_that_deletes_sooner_loses_data(
    path: str, before: str | None, after: str | None, expected: Weight
) -> None:
    assert weight(change(Op.UPDATE, LIFECYCLE, Leaf(path, before, after))) is expected, (
        "S3 applies it to what is there already"
    )


def test_backups_can_be_switched_off_in_place() -> None:
    kind = "aws:efs/backupPolicy:BackupPolicy"
    assert weight(change(Op.UPDATE, kind, Leaf("backupPolicy.status", "ENABLED", "DISABLED"))) is Weight.NOTE
    assert weight(change(Op.UPDATE, kind, Leaf("backupPolicy.status", "DISABLED", "ENABLED"))) is None


@pytest.mark.parametrize(("gpus", "word"), [(1, "model"), (0, "a new one")])
def test_only_what_has_gpus_loads_a_model(gpus: int, word: str) -> None:
    limits = {"nvidia.com/gpu": str(gpus)} if gpus else {"memory": "1Gi"}
    spec = {
        "strategy": {"type": "Recreate"},
        "template": {"spec": {"containers": [{"resources": {"limits": limits}}]}},
    }
    found = meaning(change(Op.UPDATE, DEPLOYMENT, Leaf("spec.template.spec.x", "1", "2"), spec=spec))
    assert found is not None
    assert word in found.text, "Contour's pods are there in seconds"


@pytest.fixture(scope="module")
def kinds() -> Iterator[set[str]]:
    """Every type that a program on AWS registers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("components.delivery_check.checked", lambda application, *_: application)
        patch.setattr("components.tts.restorable._problem", lambda *_: None)
        yield {item.type for changes in CASES.values() for item in registered(changes, patch)}
    pulumi.runtime.set_all_config({})


def test_every_kind_is_decided_on(kinds: set[str]) -> None:
    made = {kind for kind in kinds if kind.startswith(("aws:", "kubernetes:"))}
    assert len(made) > 40, "the program has registered nothing"
    undecided = [
        kind for kind in sorted(made) if not any(covers(known, kind) for known in (*TABLE, *SAYS_NOTHING))
    ]
    assert "\n".join(undecided) == "", (
        "what it means that one goes is for the table, or for the list of those that mean nothing"
    )


def test_no_kind_is_decided_on_twice() -> None:
    assert not OF_AWS.keys() & OF_KUBERNETES.keys(), "one of the two would never be asked"
    assert not [kind for kind in SAYS_NOTHING if any(covers(known, kind) for known in TABLE)]
