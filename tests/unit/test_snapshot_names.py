"""What snapshots are called, and which of them are good."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from components.tts.snapshot_job import names
from components.tts.snapshot_job.names import State

NOW = datetime(2025, 12, 20, 2, 0, tzinfo=UTC)


def volume(name: str = "outputs", snapshot: str = "s", **status: Any) -> names.Object:
    return {
        "metadata": {
            "name": names.object_name(snapshot, name),
            "labels": {names.SNAPSHOT: snapshot, names.VOLUME: name, names.STACK: "prod"},
            "annotations": {names.TAKEN: "2025-12-20T01:59:00Z", names.VOLUMES: "outputs,weights"},
        },
        "status": status,
    }


def snapshot(*objects: names.Object) -> names.SnapshotSet:
    (one,) = names.sets(objects)
    return one


class TestVersions:
    @pytest.mark.parametrize(
        ("image", "version"),
        [
            ("registry.example.com/speech/cosyvoice:1.4.2", "1.4.2"),
            ("registry.example.com:5000/speech/cosyvoice:v1.4.2", "1.4.2"),
            (f"registry.example.com:5000/cosyvoice@sha256:{'0123456789ab' * 4}", "sha256-0123456789ab"),
            (f"registry.example.com/cosyvoice:1.4.2@sha256:{'0' * 64}", "1.4.2"),
            ("cosyvoice:2025_12_20-CUDA.-12", "2025-12-20-cuda.12"),
            ("registry.example.com:5000/cosyvoice", "unknown"),
        ],
    )
    def test_it_is_the_tag_or_the_digests_beginning(self, image: str, version: str) -> None:
        assert names.version(image) == version

    def test_it_fits_a_label(self) -> None:
        assert len(names.version(f"a:{'x' * 128}")) <= 63


class TestNames:
    def test_they_say_what_and_when(self) -> None:
        assert names.dated_name("glm-tts", "1.0.0", NOW) == "glm-tts-v1.0.0-20251220-0200"

    def test_the_time_is_utc(self) -> None:
        tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
        assert names.dated_name("glm-tts", "1.0.0", tokyo) == names.dated_name("glm-tts", "1.0.0", NOW)

    def test_they_sort_by_time(self) -> None:
        made = [names.dated_name("glm-tts", "1.0.0", NOW + timedelta(hours=7 * n)) for n in range(200)]
        assert made == sorted(made)

    def test_a_digest_has_no_v_before_it(self) -> None:
        name = names.dated_name("glm-tts", "sha256-0123456789ab", NOW)
        assert name == "glm-tts-sha256-0123456789ab-20251220-0200"

    def test_one_before_an_upgrade_says_to_what(self) -> None:
        assert names.pre_upgrade_name("1.4.3") == "pre-upgrade-1.4.3"

    def test_a_name_that_is_taken_is_counted_on(self) -> None:
        assert names.free_name("a", []) == "a"
        assert names.free_name("a", ["a"]) == "a-2"
        assert names.free_name("a", ["a", "a-2", "a-3"]) == "a-4"

    @pytest.mark.parametrize("length", [1, 30, 63, 128])
    def test_whatever_the_tag_they_fit_an_object_and_a_label(self, length: int) -> None:
        version = names.version(f"a:{'x.' * (length // 2)}x")
        for base in (
            names.dated_name("a-custom-engine-with-a-long-name", version, NOW),
            names.pre_upgrade_name(version),
        ):
            name = names.free_name(base, [base, *(f"{base}-{n}" for n in range(2, 99))])
            assert name.endswith("-99")
            assert len(name) <= names.LONGEST
            assert len(names.object_name(name, "outputs")) <= 63

    def test_two_long_versions_stay_two(self) -> None:
        one, other = (names.pre_upgrade_name(names.version(f"a:{'x' * 60}{n}")) for n in (1, 2))
        assert one != other, "the snapshot before one upgrade would pass for that before another"

    def test_whoever_made_an_object_its_name_is_taken(self) -> None:
        objects = [
            {"metadata": {"name": "a-outputs"}},
            {"metadata": {"name": "b-weights"}},
            {"metadata": {"name": "c"}},
        ]
        assert names.names_taken(objects) == {"a", "b"}


class TestState:
    def test_it_is_good_when_every_volume_is_ready(self) -> None:
        one = snapshot(volume(readyToUse=True), volume("weights", readyToUse=True))
        assert one.state(NOW) is State.GOOD
        assert one.problem(NOW) == ""

    def test_half_of_one_is_never_good(self) -> None:
        one = snapshot(volume(readyToUse=True))
        assert one.state(NOW) is State.UNDER_WAY, "its taker was killed, and a restore would lose the weights"
        assert one.state(NOW + timedelta(hours=1)) is State.FAILED
        assert "weights not ready since 2025-12-20 01:59 UTC" in one.problem(NOW)

    def test_one_that_is_not_ready_is_under_way_for_an_hour(self) -> None:
        one = snapshot(volume(readyToUse=False), volume("weights", readyToUse=True))
        assert one.state(NOW + timedelta(minutes=58)) is State.UNDER_WAY
        assert one.state(NOW + timedelta(minutes=59)) is State.FAILED

    def test_who_waits_longer_has_it_under_way_for_longer(self) -> None:
        objects = [volume(readyToUse=False), volume("weights", readyToUse=True)]
        for item in objects:
            item["metadata"]["annotations"][names.SECONDS] = "5400"
        one = snapshot(*objects)
        # One waits in vain, and the next one too.
        assert one.state(NOW + timedelta(minutes=178)) is State.UNDER_WAY
        assert one.state(NOW + timedelta(minutes=179)) is State.FAILED

    @pytest.mark.parametrize("text", ["", "soon", "0", "-1", "1e9", "9" * 30])
    def test_how_long_a_person_may_garble(self, text: str) -> None:
        one = snapshot(volume(readyToUse=False))
        one.objects["outputs"]["metadata"]["annotations"][names.SECONDS] = text
        assert one.patience == names.PATIENCE

    def test_an_error_says_why(self) -> None:
        one = snapshot(volume(error={"message": "no space\nleft"}), volume("weights", readyToUse=True))
        assert one.state(NOW) is State.FAILED
        assert one.problem(NOW) == "outputs: no space left"

    def test_an_error_that_went_away_is_none(self) -> None:
        one = snapshot(
            volume(readyToUse=True, error={"message": "try again"}), volume("weights", readyToUse=True)
        )
        assert one.state(NOW) is State.GOOD

    def test_one_that_is_being_deleted_is_good_for_nothing(self) -> None:
        going = volume(readyToUse=True)
        going["metadata"]["deletionTimestamp"] = "2025-12-20T01:59:30Z"
        assert snapshot(going, volume("weights", readyToUse=True)).state(NOW) is State.FAILED

    def test_one_pinned_volume_pins_it(self) -> None:
        pinned = volume("weights")
        pinned["metadata"]["labels"]["keep"] = "true"
        assert snapshot(volume(), pinned).pinned
        assert not snapshot(volume(), volume("weights")).pinned


class TestSets:
    def test_what_is_not_labelled_is_none(self) -> None:
        assert names.sets([{"metadata": {"name": "by-somebody"}}]) == []

    def test_they_come_newest_first_and_of_one_stack(self) -> None:
        older, other = volume(snapshot="older"), volume(snapshot="other")
        older["metadata"]["annotations"][names.TAKEN] = "2025-12-19T02:00:00Z"
        other["metadata"]["labels"][names.STACK] = "staging"
        objects = [older, volume(snapshot="newer"), other, volume("weights", "newer")]
        assert [one.name for one in names.sets(objects, "prod")] == ["newer", "older"]
        assert len(names.sets(objects)) == 3

    def test_a_time_that_a_person_garbled_is_that_of_the_object(self) -> None:
        garbled = volume()
        garbled["metadata"]["annotations"][names.TAKEN] = "yesterday"
        garbled["metadata"]["creationTimestamp"] = "2025-12-20T01:00:00Z"
        assert snapshot(garbled).taken == NOW - timedelta(hours=1)
