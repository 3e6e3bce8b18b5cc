"""The trail of what people did to a service's data: who, when, why, and from which snapshot.

It is in the service's namespace, in ConfigMaps `audit-00001`, `audit-00002`, ..., one key an entry. An entry is
numbered by the write that adds it, which the API server refuses where another came first: the order of the numbers is
that of the writes, and none is written over. A full ConfigMap is made immutable before the next one begins, so that
nobody who still thinks it the last can add to it. What was written stays, for everybody but those who may change the
cluster's admission policies: components/audit_policy.py.
"""

from __future__ import annotations

import getpass
import json
import re
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.errors import OpsError, said
from ops.repository import Repository

FULL = 900_000
"""Bytes in a ConfigMap before the next one: Kubernetes takes 1 MiB of it
(https://kubernetes.io/docs/concepts/configuration/configmap/#motivation)."""

SECONDS = 60
"""How long a write is tried."""

_NAME = re.compile(r"audit-(\d{5,})")
_PER_REQUEST = 20


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that somebody did."""

    what: str
    """restore asked, restored, failed: ..., taken, pin asked, pinned, prune asked, pruned."""

    who: str
    why: str = ""
    snapshot: str = ""
    claims: tuple[str, ...] = ()
    """Those that the service mounts by it."""

    number: int = 0
    """Its place in the trail, from 1 on."""

    at: str = ""
    """RFC 3339, UTC."""

    id: str = ""
    """A write that timed out is known by it, if it came through all the same."""


@dataclass(frozen=True)
class AuditLog:
    """The trail of one namespace. `core` is a CoreV1Api."""

    core: Any
    namespace: str

    def entries(self) -> list[Entry]:
        """All of them, in order."""
        found = [_entry(key, text) for page in self._pages() for key, text in (page.data or {}).items()]
        return sorted(found, key=lambda entry: entry.number)

    def append(self, entry: Entry) -> Entry:
        """Writes one entry at the end, and returns it as it is there. Raises OpsError where it cannot."""
        from kubernetes.client.exceptions import ApiException
        from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential
        from urllib3.exceptions import HTTPError

        retrying = Retrying(
            retry=retry_if_exception(_worth_another_try),
            # Every writer that lost a race asks again at a time of its own.
            wait=wait_random_exponential(multiplier=0.05, max=2),
            stop=stop_after_delay(SECONDS),
            reraise=True,
        )
        try:
            return retrying(self._append, replace(entry, id=uuid.uuid4().hex))
        except (ApiException, HTTPError, _Lost) as error:
            raise OpsError(f"The audit log cannot be written: {said(error)}.") from None

    def _append(self, entry: Entry) -> Entry:
        pages = self._pages()
        there = [(key, text) for page in pages for key, text in (page.data or {}).items()]
        for key, text in there:
            if entry.id in text:
                return _entry(key, text)
        number = 1 + max((int(key) for key, _ in there if key.isdecimal()), default=0)
        written = replace(entry, number=number, at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        data = {f"{number:06}": _text(written)}
        if not pages:
            self._begin(1, data)
        elif pages[-1].immutable:
            self._begin(_page_number(pages[-1]) + 1, data)
        elif _size(pages[-1].data or {}) + _size(data) > FULL:
            self._patch(pages[-1], {"immutable": True})
            raise _Lost("the log's last part has just been closed")
        else:
            self._patch(pages[-1], {"data": data})
        return written

    def _pages(self) -> list[Any]:
        there = self.core.list_namespaced_config_map(self.namespace, _request_timeout=_PER_REQUEST).items
        return sorted((item for item in there if _NAME.fullmatch(item.metadata.name)), key=_page_number)

    def _begin(self, number: int, data: Mapping[str, str]) -> None:
        body = {"metadata": {"name": f"audit-{number:05}"}, "data": dict(data)}
        self.core.create_namespaced_config_map(self.namespace, body, _request_timeout=_PER_REQUEST)

    def _patch(self, page: Any, change: Mapping[str, Any]) -> None:
        # The version makes the API server refuse it, with 409, where somebody has written since.
        body = {"metadata": {"resourceVersion": page.metadata.resource_version}, **change}
        self.core.patch_namespaced_config_map(
            page.metadata.name, self.namespace, body, _request_timeout=_PER_REQUEST
        )


class _Lost(Exception):
    """Another write has to come first."""


def person(checkout: Path) -> str:
    """Who works here: the address that git knows, else the account and the machine."""
    try:
        address = Repository(checkout).ask("config", "user.email")
    except OpsError:
        address = None
    return address or f"{getpass.getuser()}@{socket.gethostname()}"


Note = Callable[[str], Entry]
"""Writes an entry about what became of one thing."""


def noting(log: AuditLog, who: str, why: str, snapshot: str, claims: Sequence[str] = ()) -> Note:
    """Writes entries that differ in what happened alone."""

    def note(what: str) -> Entry:
        return log.append(Entry(what=what, who=who, why=why, snapshot=snapshot, claims=tuple(claims)))

    return note


def note_done(note: Note, what: str, done: str) -> None:
    """Writes what has been done. Where it cannot be written, the error says that it is done all the same."""
    try:
        note(what)
    except OpsError as error:
        raise OpsError(f"{done} {error}") from None


def _text(entry: Entry) -> str:
    fields = {key: value for key, value in asdict(entry).items() if key != "number" and value not in ("", ())}
    return json.dumps(fields, ensure_ascii=False)


def _entry(key: str, text: str) -> Entry:
    try:
        fields = json.loads(text)
        known = {name: fields[name] for name in Entry.__dataclass_fields__.keys() & fields.keys()}
        return Entry(**{**known, "number": int(key), "claims": tuple(fields.get("claims", ()))})
    except (ValueError, TypeError, AttributeError):
        # Who may write ConfigMaps may add anything, and nothing that is there may go unsaid.
        digits = key if key.isdecimal() else "0"
        return Entry(number=int(digits), what=f"not written by this command: {text[:200]}", who="?")


def _size(data: Mapping[str, str]) -> int:
    return sum(len(key.encode()) + len(text.encode()) for key, text in data.items())


def _page_number(page: Any) -> int:
    match = _NAME.fullmatch(page.metadata.name)
    return int(match[1]) if match else 0


def _worth_another_try(error: BaseException) -> bool:
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    if isinstance(error, ApiException):
        # 0 is an answer that never came.
        return error.status in (0, 409, 429) or (error.status or 0) >= 500
    return isinstance(error, HTTPError | _Lost)
