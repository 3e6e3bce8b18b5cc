"""Which locks of Pulumi's engines are released, and what is said of the others."""

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from ops.engine_locks import Busy, kept_out, release_dead


def gone() -> int:
    """The id of a process that there is not."""
    return max(psutil.pids()) + 10000


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock.json"


def test_one_of_a_process_that_is_gone_is_released(lock: Path) -> None:
    lock.write_text(json.dumps({"pid": gone(), "hostname": socket.gethostname()}))
    release_dead([lock], "one", "pulumi cancel")
    assert not lock.exists()


def test_one_of_a_process_that_is_no_engine_is_released(lock: Path) -> None:
    lock.write_text(json.dumps({"pid": os.getpid()}))
    release_dead([lock], "one", "pulumi cancel")
    assert not lock.exists(), "its number has gone to another program since"


def test_one_of_another_host_stays(lock: Path) -> None:
    lock.write_text(json.dumps({"pid": gone(), "hostname": "elsewhere", "timestamp": "2026-01-31T12:00:00Z"}))
    with pytest.raises(Busy, match=r"of elsewhere.*pulumi cancel") as busy:
        release_dead([lock], "one", "pulumi cancel")
    assert lock.exists(), "two engines would write one state"
    assert busy.value.since == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "{"])
def test_one_that_is_being_written_stays(lock: Path, text: str) -> None:
    lock.write_text(text)
    with pytest.raises(Busy, match="is being written"):
        release_dead([lock], "one", "pulumi cancel")
    assert lock.exists()


def test_one_that_has_just_gone_is_none(lock: Path) -> None:
    release_dead([lock], "one", "pulumi cancel")


def test_the_engine_says_whose_it_is() -> None:
    text = (
        "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete "
        "the lock file with `pulumi cancel`.\n  s3://state/it.json: created by runner@ci-7 (pid 12) at "
        "2026-01-31T12:00:00Z"
    )
    busy = kept_out("one", text, "pulumi cancel")
    assert "runner@ci-7, process 12, since 2026-01-31T12:00:00Z" in str(busy), "nobody could ask them"
    assert busy.since == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert kept_out("one", "[409] Conflict", "pulumi cancel").since is None
