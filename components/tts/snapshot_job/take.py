"""Takes a snapshot and waits until it is a good one, or says why it is not.

One that fails leaves nothing behind, where the API still answers. One that only takes longer is left to the storage,
and the next try waits for it. One whose taker was killed is known by what it lacks, and never counts as good.
"""

import contextlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from components.tts.snapshot_job import events, names, retention
from components.tts.snapshot_job.api import EXISTS, Api, Refused, Unreachable
from components.tts.snapshot_job.names import Object, Reason, SnapshotSet, State
from components.tts.snapshot_job.running import Running, running
from components.tts.snapshot_job.volume_snapshots import Place, Wish, volume_snapshots
from components.tts.snapshot_job.wanted import Wanted, refusal

FRESH: Final = timedelta(minutes=10)
"""For so long, a good one taken before an upgrade is used by the next try of the same upgrade."""

ERROR_SECONDS: Final = 30
"""For so long, an error may go away again: the snapshotter tries on by itself, and meets its own changes."""

_NAMES_TRIED: Final = 5
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 5.0


class Failed(Exception):
    """No good snapshot was taken. Says why, in one line."""


class Late(Failed):
    """It was not ready in time. The storage goes on with it."""


class Stopped(Failed):
    """The program was told to end."""


class NotRestorable(Failed):
    """What is to be restored cannot be, and nothing may change."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The time, and its passing."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic


class Taker:
    """Takes the snapshots of one service."""

    def __init__(
        self, api: Api, place: Place, clock: Clock | None = None, say: Callable[[str], None] = print
    ) -> None:
        self._api = api
        self._place = place
        self._clock = clock or Clock()
        self._say = say

    def scheduled(self) -> str:
        """Takes one, then deletes what is over. Returns its name."""
        found = self._there()
        wish = Wish(base=self._dated(found), reason=Reason.SCHEDULED, claims=_bound(found))
        # Another one beside it would make slow storage slower.
        try:
            name = self._begun(wish, found.since) or self._take(found, wish)
        except Late:
            # It may be a good one tomorrow, and one more each night is left otherwise.
            self._tidied()
            raise
        self._tidied()
        return name

    def by_hand(self, why: str, by: str) -> str:
        """Takes one that stays until a person deletes it. Returns its name."""
        found = self._there()
        return self._take(
            found,
            Wish(base=self._dated(found), reason=Reason.BY_HAND, claims=_bound(found), why=why, by=by),
        )

    def pre_upgrade(self, image: str, wanted: Wanted) -> str | None:
        """Takes one before `image` starts, and returns its name; None where there is nothing to take.

        Raises NotRestorable, before anything else, where the claims that the new pods are to mount cannot be made.
        """
        refused = refusal(self._api, wanted, self._place.stack)
        if refused is not None:
            raise NotRestorable(refused)
        found = running(self._api, self._place.deployment)
        if found is None:
            return self._nothing(f"There is no Deployment {self._place.deployment}")
        if found.images == {image}:
            return self._nothing(f"{image} runs already")
        # What the new pods do not mount they cannot spoil, and the way back from a bad version waits for nothing.
        kept = wanted.claims.items()
        claims = {volume: claim for volume, claim in found.claims.items() if (volume, claim) in kept}
        if found.claims and not claims:
            return self._nothing("The new pods mount other volumes")
        claims = {volume: claim for volume, claim in claims.items() if claim not in found.unbound}
        if not claims:
            return self._nothing("No volume has been made")
        wish = Wish(
            base=names.pre_upgrade_name(names.version(image)),
            reason=Reason.PRE_UPGRADE,
            claims=claims,
            why=f"Before the upgrade to {image}",
        )
        return self._again(wish, found.since) or self._take(found, wish)

    def last_good(self) -> str:
        """What there is to go back to, in words: events are forgotten, and this one may be the last that is left."""
        now = self._clock.now()
        for one in names.sets(self._api.snapshots(), self._place.stack):
            if one.state(now) is State.GOOD:
                return f"The last good one is {one.name}, taken {one.taken:%Y-%m-%d %H:%M} UTC."
        return "There is no good one."

    def _there(self) -> Running:
        found = running(self._api, self._place.deployment)
        if found is None:
            raise Failed(
                f"there is no Deployment {self._place.deployment} in namespace {self._place.namespace}"
            )
        return found

    def _dated(self, found: Running) -> str:
        engine = found.engine or self._place.engine
        return names.dated_name(engine, names.version(found.image), self._clock.now())

    def _nothing(self, why: str) -> str | None:
        self._say(f"{why}: there is nothing to take.")
        return None

    def _again(self, wish: Wish, since: datetime) -> str | None:
        """The one that an earlier try of the same upgrade took, or began; deletes what it left half done.

        One from before the pods that run now is of an earlier upgrade, and lacks what was written since.
        """
        now = self._clock.now()
        for one in self._earlier(wish):
            if one.state(now) is State.GOOD and _fits(one, wish, since) and now - one.taken < FRESH:
                self._say(f"Snapshot {one.name} is there already.")
                return one.name
            if not one.complete or self._state(one, now) is State.FAILED:
                self._say(f"Snapshot {one.name} was left half done, and goes.")
                self._delete(one)
        return self._begun(wish, since)

    def _begun(self, wish: Wish, since: datetime) -> str | None:
        """The one that an earlier try began, once it is ready; None where there is none."""
        now = self._clock.now()
        for one in self._earlier(wish):
            if self._state(one, now) is State.UNDER_WAY and _fits(one, wish, since):
                self._say(f"Snapshot {one.name} was begun, and is waited for.")
                return self._finished(one.name, wish, partial(self._delete, one))
        return None

    def _state(self, one: SnapshotSet, now: datetime) -> State:
        """What became of it; who gives it more time now than its taker did, gives it that."""
        return one.state(now, at_least=names.patience(self._place.seconds))

    def _earlier(self, wish: Wish) -> list[SnapshotSet]:
        found = names.sets(self._api.snapshots(), self._place.stack)
        return [one for one in found if one.reason == wish.reason and one.why == wish.why and not one.pinned]

    def _take(self, found: Running, wish: Wish) -> str:
        if not wish.claims:
            raise Failed(f"Deployment {self._place.deployment} mounts no volume to take a snapshot of")
        run = uuid.uuid4().hex
        taken = names.names_taken(self._api.snapshots())
        for _ in range(_NAMES_TRIED):
            name = names.free_name(wish.base, taken)
            bodies = volume_snapshots(self._place, found, wish, name=name, run=run, now=self._clock.now())
            try:
                complete = self._make(name, bodies)
            except BaseException:
                self._clean(name, run, wish)
                raise
            if complete:
                self._say(f"Snapshot {name} of {' and '.join(wish.claims.values())} is being taken.")
                return self._finished(name, wish, partial(self._clean, name, run, wish))
            self._clean(name, run, wish)
            taken.add(name)
        raise Failed(f"somebody takes every name from {wish.base} on")

    def _make(self, name: str, bodies: list[Object]) -> bool:
        """Makes all of them; False where somebody else has one of the names."""
        for body in bodies:
            try:
                self._api.create_snapshot(body)
            except Refused as refused:
                if refused.reason != EXISTS:
                    raise Failed(f"snapshot {name} was refused: {refused}") from refused
                # An answer that was lost is asked for again, and the name is then taken by ourselves.
                there = self._api.snapshot(body["metadata"]["name"])
                if there is None or _run(there) != _run(body):
                    return False
        return True

    def _finished(self, name: str, wish: Wish, undo: Callable[[], None]) -> str:
        start = self._clock.monotonic()
        try:
            self._wait(name)
        except Late:
            raise
        except Stopped:
            # The next try of the others goes on where this one was stopped; a person's has no next one.
            if wish.reason is Reason.BY_HAND:
                undo()
            raise
        except BaseException:
            undo()
            raise
        text = f"Snapshot {name} is ready, after {self._clock.monotonic() - start:.0f} s."
        self._say(text)
        events.note(self._api, self._place, "SnapshotTaken", text)
        return name

    def _wait(self, name: str) -> None:
        start, pause = self._clock.monotonic(), _FIRST_PAUSE
        faulty_since: float | None = None
        problem = "the Kubernetes API has not answered"
        while True:
            time_now = self._clock.monotonic()
            # An API server that is away for minutes does not undo what the storage does meanwhile.
            with contextlib.suppress(Unreachable):
                one = self._one(name)
                if not one.not_ready:
                    return
                problem = one.problem(self._clock.now())
                if not one.errors:
                    faulty_since = None
                elif faulty_since is None:
                    faulty_since = time_now
                elif time_now - faulty_since >= ERROR_SECONDS:
                    raise Failed(f"snapshot {name} failed: {problem}")
            if time_now - start >= self._place.seconds:
                raise Late(
                    f"snapshot {name} is not ready after {self._place.seconds:.0f} s: {problem}. It is left to the "
                    "storage; where that takes longer than snapshotMinutes, set more."
                )
            self._clock.sleep(pause)
            pause = min(pause * 1.2, _LONGEST_PAUSE)

    def _one(self, name: str) -> SnapshotSet:
        found = names.sets(self._api.snapshots({names.SNAPSHOT: name}), self._place.stack)
        if not found or not found[0].complete:
            raise Failed(f"snapshot {name} was deleted while it was taken")
        return found[0]

    def _clean(self, name: str, run: str, wish: Wish) -> None:
        """Deletes what this run made of it, as far as the API lets us."""
        with contextlib.suppress(Refused, Unreachable):
            for volume in wish.claims:
                there = self._api.snapshot(names.object_name(name, volume))
                if there is not None and _run(there) == run:
                    self._api.delete_snapshot(there)

    def _delete(self, one: SnapshotSet) -> None:
        with contextlib.suppress(Refused, Unreachable):
            for item in one.objects.values():
                self._api.delete_snapshot(item)

    def _tidied(self) -> None:
        try:
            self._tidy()
        except (Refused, Unreachable) as error:
            # There is a good one, which is what the run was for; a second one would not delete any more.
            events.warn(
                self._api, self._place, "SnapshotsNotDeleted", f"Old snapshots are still there: {error}"
            )
            self._say(f"Old snapshots are still there: {error}")

    def _tidy(self) -> None:
        over = retention.to_delete(
            self._api.snapshots(),
            self._api.claims(),
            stack=self._place.stack,
            kept=self._place.kept,
            now=self._clock.now(),
        )
        for one in over:
            # One that was pinned, or began to change, since it was read stays.
            if all(self._api.delete_snapshot(item, as_read=True) for item in one.objects.values()):
                self._say(f"Snapshot {one.name} is over, and goes.")


def _fits(one: SnapshotSet, wish: Wish, since: datetime) -> bool:
    """Whether it is of the same volumes, and of nothing earlier than the pods that run now."""
    return one.complete and one.claims == wish.claims and one.taken >= since


def _bound(found: Running) -> dict[str, str]:
    if found.unbound:
        raise Failed(f"claim {' and '.join(found.unbound)} has no volume yet")
    return found.claims


def _run(item: Object) -> str:
    run: str = (item["metadata"].get("annotations") or {}).get(names.RUN, "")
    return run
