"""The audit log, written by several people at once."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import ReadTimeoutError

from ops import audit
from ops.audit import AuditLog, Entry, noting
from ops.errors import OpsError
from tests.support import api_server

WRITERS, EACH = 10, 50


@dataclass
class ConfigMaps:
    """The API server's ConfigMaps: versions are enforced, and what is immutable stays as it is."""

    pages: dict[str, Any] = field(default_factory=dict[str, Any])
    lock: threading.Lock = field(default_factory=threading.Lock)
    version: int = 0
    conflicts: int = 0
    silent: int = 0
    """Of so many writes one is done and not answered; 0 answers all."""

    def list_namespaced_config_map(self, namespace: str, **_: Any) -> Any:
        assert namespace == "tts"
        with self.lock:
            found = [
                SimpleNamespace(
                    metadata=SimpleNamespace(name=name, resource_version=page["version"]),
                    data=dict(page["data"]),
                    immutable=page["immutable"] or None,
                )
                for name, page in self.pages.items()
            ]
        # Room for another writer between the look and the write.
        time.sleep(0.0005)
        return SimpleNamespace(items=found)

    def create_namespaced_config_map(self, namespace: str, body: Any, **_: Any) -> None:
        assert namespace == "tts"
        with self.lock:
            name = body["metadata"]["name"]
            if name in self.pages:
                self._conflict()
            self.version += 1
            self.pages[name] = {"version": str(self.version), "data": body["data"], "immutable": False}

    def patch_namespaced_config_map(self, name: str, namespace: str, body: Any, **_: Any) -> None:
        assert namespace == "tts"
        with self.lock:
            page = self.pages[name]
            if body["metadata"].get("resourceVersion") not in (None, page["version"]):
                self._conflict()
            if page["immutable"]:
                raise ApiException(status=422, reason="field is immutable")
            self.version += 1
            page["version"] = str(self.version)
            page["data"] |= body.get("data", {})
            page["immutable"] = body.get("immutable", False)
            if self.silent and self.version % self.silent == 0:
                raise ReadTimeoutError(None, "", "no answer")  # type: ignore[arg-type]

    def _conflict(self) -> None:
        self.conflicts += 1
        raise ApiException(status=409, reason="Conflict")

    def entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in sorted(self.pages):
            for key, text in sorted(self.pages[name]["data"].items()):
                yield key, json.loads(text)


@pytest.mark.parametrize("silent", [0, 17])
def test_ten_writers_at_once_lose_nothing(monkeypatch: pytest.MonkeyPatch, silent: int) -> None:
    monkeypatch.setattr(audit, "FULL", 20_000)
    there = ConfigMaps(silent=silent)

    def write(writer: int) -> None:
        log = AuditLog(there, "tts")
        for number in range(EACH):
            log.append(Entry(what=f"{number}", who=f"{writer}"))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = list(there.entries())
    assert there.conflicts > 0, "nobody met anybody, and nothing was tried"
    assert len(there.pages) > 2, "no ConfigMap got full"
    assert [int(key) for key, _ in found] == [*range(1, WRITERS * EACH + 1)], "lost, twice, or with a gap"
    for writer in range(WRITERS):
        own = [entry["what"] for _, entry in found if entry["who"] == str(writer)]
        assert own == [str(number) for number in range(EACH)], "another order than they were written in"
    assert [page["immutable"] for _, page in sorted(there.pages.items())][:-1] == [True] * (
        len(there.pages) - 1
    ), "who still thinks it the last would add an entry whose number is taken"
    assert max(sum(map(len, page["data"].values())) for page in there.pages.values()) <= 20_000
    log = AuditLog(there, "tts").entries()
    assert [entry.number for entry in log] == [*range(1, WRITERS * EACH + 1)]


def test_a_command_that_died_between_two_parts_stops_nobody() -> None:
    there = ConfigMaps()
    log = AuditLog(there, "tts")
    log.append(Entry(what="taken", who="a"))
    there.pages["audit-00001"]["immutable"] = True
    assert log.append(Entry(what="restored", who="b")).number == 2
    assert [*there.pages] == ["audit-00001", "audit-00002"]


def test_other_config_maps_are_no_entries() -> None:
    there = ConfigMaps()
    log = AuditLog(there, "tts")
    assert log.entries() == []
    for name in ("inference-cfg", "audit-notes", "my-audit-00001"):
        there.pages[name] = {"version": "1", "data": {"A": "1"}, "immutable": False}
    log.append(Entry(what="taken", who="a"))
    assert [entry.what for entry in log.entries()] == ["taken"]


def test_what_somebody_else_wrote_is_shown_and_numbers_go_on() -> None:
    there = ConfigMaps()
    data = {"000007": "by hand", "note": "{}"}
    there.pages["audit-00001"] = {"version": "1", "data": data, "immutable": False}
    log = AuditLog(there, "tts")
    assert log.append(Entry(what="taken", who="a")).number == 8
    assert "by hand" in next(entry for entry in log.entries() if entry.number == 7).what


def test_a_refusal_is_one_line_and_is_not_tried_again() -> None:
    with api_server.running() as api:
        from kubernetes import client

        api.refused["POST", "configmaps"] = 403
        with pytest.raises(OpsError, match=r"The audit log cannot be written: configmaps is forbidden\.$"):
            AuditLog(client.CoreV1Api(api.client), "tts").append(Entry(what="taken", who="a"))
        assert api.requests.count(("POST", "configmaps")) == 1


def test_the_real_client_appends_and_reads() -> None:
    with api_server.running() as api:
        from kubernetes import client

        log = AuditLog(client.CoreV1Api(api.client), "tts")
        note = noting(log, "ana@example.com", "the model mumbles", "a-1", ["outputs-a-1"])
        note("restore asked")
        note("restored")
        assert [(entry.number, entry.what) for entry in log.entries()] == [
            (1, "restore asked"),
            (2, "restored"),
        ]
        entry = log.entries()[1]
        assert (entry.who, entry.why, entry.snapshot) == ("ana@example.com", "the model mumbles", "a-1")
        assert entry.claims == ("outputs-a-1",)
        assert entry.at.endswith("Z")


def test_a_person_is_who_git_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    assert "@" in audit.person(tmp_path), "the account and the machine"
    (tmp_path / "gitconfig").write_text("[user]\n\temail = ana@example.com\n")
    assert audit.person(tmp_path) == "ana@example.com"
