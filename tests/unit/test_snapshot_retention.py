"""Which snapshots are left after a month, and which never go."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components.tts.snapshot_job import names
from components.tts.snapshot_job.names import Object, Reason, State
from components.tts.snapshot_job.retention import to_delete

FIRST_NIGHT = datetime(2025, 12, 1, 2, 0, tzinfo=UTC)
READY = {"readyToUse": True}
WAITING = {"readyToUse": False}
BROKEN = {"readyToUse": False, "error": {"message": "the storage is away"}}


def snapshot(
    taken: datetime,
    status: Any = None,
    *,
    name: str = "",
    reason: Reason = Reason.SCHEDULED,
    stack: str = "prod",
    volumes: Iterable[str] = ("outputs", "weights"),
) -> list[Object]:
    name = name or names.dated_name("glm-tts", "1.0.0", taken)
    labels = {names.SNAPSHOT: name, names.STACK: stack, names.REASON: reason.value}
    return [
        {
            "metadata": {
                "name": names.object_name(name, volume),
                "labels": labels | {names.VOLUME: volume},
                "annotations": {names.TAKEN: names.time_text(taken), names.VOLUMES: "outputs,weights"},
            },
            "status": dict(status or READY),
        }
        for volume in volumes
    ]


def claim(source: str, phase: str = "Pending", field: str = "dataSource") -> Object:
    return {
        "metadata": {"name": "restored"},
        "spec": {field: {"kind": "VolumeSnapshot", "name": source}},
        "status": {"phase": phase},
    }


def pin(objects: Iterable[Object], name: str) -> None:
    for item in objects:
        if item["metadata"]["labels"][names.SNAPSHOT] == name:
            item["metadata"]["labels"][names.KEEP] = names.KEPT


def gone(objects: list[Object], claims: Iterable[Object] = (), *, kept: int = 7, now: datetime) -> set[str]:
    return {one.name for one in to_delete(objects, claims, stack="prod", kept=kept, now=now)}


def left(objects: list[Object], over: set[str]) -> list[Object]:
    return [item for item in objects if item["metadata"]["labels"][names.SNAPSHOT] not in over]


def names_of(objects: Iterable[Object]) -> list[str]:
    return sorted({item["metadata"]["labels"][names.SNAPSHOT] for item in objects})


def night(number: int) -> datetime:
    return FIRST_NIGHT + timedelta(days=number - 1)


class TestAMonth:
    def test_seven_are_left_and_what_must_not_go(self) -> None:
        objects: list[Object] = []
        claims: list[Object] = []
        for number in range(1, 31):
            now = night(number)
            match number:
                case 5 | 26:
                    objects += snapshot(now, BROKEN)
                case 8:
                    # Killed between the two volumes.
                    objects += snapshot(now, volumes=["outputs"])
                case _:
                    objects += snapshot(now)
            match number:
                case 4:
                    pin(objects, "glm-tts-v1.0.0-20251203-0200")
                case 10:
                    claims = [claim("glm-tts-v1.0.0-20251209-0200-weights")]
                case 12:
                    noon = now + timedelta(hours=10)
                    objects += snapshot(noon, name="pre-upgrade-1.1.0", reason=Reason.PRE_UPGRADE)
                case 13:
                    objects += snapshot(now + timedelta(hours=10), reason=Reason.BY_HAND)
                case 29:
                    pin(objects, "glm-tts-v1.0.0-20251228-0200")
            objects += snapshot(now, name=f"staging-{number:02}", stack="staging")
            if number == 30:
                objects += snapshot(now - timedelta(minutes=10), WAITING)
            if number not in (5, 8, 26):
                # What a run does that took a good one.
                objects = left(objects, gone(objects, claims, now=now + timedelta(minutes=1)))
        mine = [one for one in names_of(objects) if not one.startswith("staging")]
        assert mine == [
            "glm-tts-v1.0.0-20251203-0200",  # pinned
            "glm-tts-v1.0.0-20251209-0200",  # a claim is being restored from it
            "glm-tts-v1.0.0-20251213-1200",  # taken by hand
            "glm-tts-v1.0.0-20251222-0200",
            "glm-tts-v1.0.0-20251223-0200",
            "glm-tts-v1.0.0-20251224-0200",
            "glm-tts-v1.0.0-20251225-0200",
            "glm-tts-v1.0.0-20251227-0200",
            "glm-tts-v1.0.0-20251228-0200",  # pinned, and not one of the seven
            "glm-tts-v1.0.0-20251229-0200",
            "glm-tts-v1.0.0-20251230-0150",  # under way
            "glm-tts-v1.0.0-20251230-0200",
            "pre-upgrade-1.1.0",
        ]
        assert len(names_of(objects)) == len(mine) + 30, "another stack's are its own affair"


NOW = night(20)
OLD = names.dated_name("glm-tts", "1.0.0", night(1))


def ten() -> list[Object]:
    return [item for number in range(10, 20) for item in snapshot(night(number))]


class TestWhatStays:
    def test_the_newest_of_the_good_ones(self) -> None:
        assert gone(ten(), now=NOW) == {names.dated_name("glm-tts", "1.0.0", night(n)) for n in (10, 11, 12)}

    def test_they_go_oldest_first(self) -> None:
        over = to_delete(ten(), [], stack="prod", kept=7, now=NOW)
        assert [one.taken for one in over] == [night(10), night(11), night(12)], (
            "one that is interrupted would have taken the newer ones"
        )

    @pytest.mark.parametrize("kept", [0, 1])
    def test_the_newest_good_one_whatever_is_set(self, kept: int) -> None:
        objects = snapshot(night(1)) + snapshot(night(2), BROKEN) + snapshot(night(3), WAITING)
        assert OLD not in gone(objects, kept=kept, now=NOW)

    def test_everything_while_none_is_good(self) -> None:
        objects = snapshot(night(1), BROKEN) + snapshot(night(2), WAITING)
        assert gone(objects, now=NOW) == set()

    @pytest.mark.parametrize("reason", [Reason.PRE_UPGRADE, Reason.BY_HAND])
    def test_a_good_one_that_no_schedule_took(self, reason: Reason) -> None:
        assert OLD not in gone(ten() + snapshot(night(1), reason=reason), now=NOW)

    @pytest.mark.parametrize("reason", [Reason.PRE_UPGRADE, Reason.BY_HAND])
    @pytest.mark.parametrize("status", [BROKEN, WAITING])
    def test_a_failed_one_of_those_for_a_day(self, reason: Reason, status: Any) -> None:
        failed = snapshot(night(19), status, reason=reason, name="failed")
        objects = failed + snapshot(night(20))
        for hours, left in ((24, set[str]()), (25, {"failed"})):
            now = night(19) + timedelta(hours=hours)
            assert gone(objects, now=now) == left, "who asked for it reads why, and then it goes"
        assert gone(failed + snapshot(night(18)), now=night(25)) == set(), "there is no newer good one"
        pin(failed, "failed")
        assert gone(objects, now=night(25)) == set()

    @pytest.mark.parametrize("status", [READY, BROKEN])
    def test_a_pinned_one_in_any_state(self, status: Any) -> None:
        objects = ten() + snapshot(night(1), status)
        assert OLD in gone(objects, now=NOW)
        pin(objects[-1:], OLD)
        assert OLD not in gone(objects, now=NOW), "one volume that is pinned keeps the others"

    @pytest.mark.parametrize("volume", ["outputs", "weights"])
    @pytest.mark.parametrize("field", ["dataSource", "dataSourceRef"])
    def test_one_that_a_claim_is_being_restored_from(self, volume: str, field: str) -> None:
        objects = ten() + snapshot(night(1))
        source = names.object_name(OLD, volume)
        assert OLD not in gone(objects, [claim(source, field=field)], now=NOW)
        assert OLD in gone(objects, [claim(source, "Bound", field)], now=NOW), "it is restored, for good"

    def test_one_under_way(self) -> None:
        just_now = NOW - timedelta(minutes=30)
        begun = snapshot(just_now, WAITING)
        assert gone(snapshot(NOW) + begun, now=NOW) == set()
        assert names.sets(begun)[0].state(NOW) is State.UNDER_WAY

    def test_a_failed_one_until_there_is_a_newer_good_one(self) -> None:
        failed = names.dated_name("glm-tts", "1.0.0", night(5))
        objects = snapshot(night(4)) + snapshot(night(5), BROKEN)
        assert gone(objects, now=NOW) == set(), "why it failed would be gone"
        assert gone(objects + snapshot(night(6)), now=NOW) == {failed}

    def test_half_of_one_whose_taker_was_killed_goes(self) -> None:
        objects = ten() + snapshot(night(5), volumes=["outputs"])
        assert names.dated_name("glm-tts", "1.0.0", night(5)) in gone(objects, now=NOW)

    def test_another_stacks_and_nobodys(self) -> None:
        foreign = snapshot(night(1), stack="staging")
        nobodys: Object = {"metadata": {"name": "mine"}, "status": READY}
        assert OLD not in gone([*ten(), *foreign, nobodys], now=NOW)

    def test_another_stacks_good_one_is_none_of_ours(self) -> None:
        objects = snapshot(night(1)) + snapshot(night(2), stack="staging")
        assert gone(objects, kept=0, now=NOW) == set()


@pytest.mark.parametrize("seed", range(200))
def test_whatever_there_is_the_rules_hold(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - the same cases every time
    objects: list[Object] = []
    claims: list[Object] = []
    for number in range(1, dice.randint(2, 31)):
        made = snapshot(
            night(number),
            dice.choices([READY, BROKEN, WAITING], [6, 1, 1])[0],
            name=f"s{number:02}",
            reason=dice.choices(list(Reason), [6, 1, 1])[0],
            stack=dice.choices(["prod", "staging"], [6, 1])[0],
            volumes=["outputs", "weights"][: dice.choices([2, 1], [8, 1])[0]],
        )
        objects += made
        if dice.random() < 0.1:
            pin(made, f"s{number:02}")
        if dice.random() < 0.1:
            claims.append(claim(f"s{number:02}-outputs", dice.choice(["Pending", "Bound"])))
    now = night(number) + timedelta(minutes=dice.choice([1, 90]))
    kept = dice.randint(1, 8)
    over = gone(objects, claims, kept=kept, now=now)
    ours = {one.name: one for one in names.sets(objects, "prod")}
    good = [one for one in ours.values() if one.state(now) is State.GOOD]
    assert over <= ours.keys()
    assert not good or good[0].name not in over, "there would be nothing to go back to"
    assert good or not over
    used = {item["spec"]["dataSource"]["name"] for item in claims if item["status"]["phase"] == "Pending"}
    for one in (ours[name] for name in over):
        if one.reason != Reason.SCHEDULED:
            assert one.state(now) is State.FAILED
            assert now - one.taken > timedelta(days=1)
        assert not one.pinned
        assert one.state(now) is not State.UNDER_WAY
        assert names.object_name(one.name, "outputs") not in used
    scheduled = [one for one in good if one.reason == Reason.SCHEDULED and not one.pinned]
    assert {one.name for one in scheduled[:kept]}.isdisjoint(over)
    free = [one.name for one in scheduled[kept:] if one is not good[0]]
    in_use = {name for name in free if names.object_name(name, "outputs") in used}
    assert {one.name for one in scheduled} & over == set(free) - in_use, "exactly so many are kept"
    again = gone(left(objects, over), claims, kept=kept, now=now)
    assert again == set(), "a second look takes nothing more"
