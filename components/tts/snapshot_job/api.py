"""The Kubernetes API, as a pod of the cluster is given it.

What goes wrong for a moment is tried again for a minute: an API server that restarts, a change that met another one.
What the API refuses is said at once.
"""

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from components.tts.snapshot_job.names import API_GROUP, API_VERSION, Object

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet puts the account's token and the CA of the API server."""

PATIENCE_SECONDS: Final = 60
REQUEST_SECONDS: Final = 15

CONFLICT: Final = "Conflict"
"""Reason of an answer: what was to be changed is not what it was."""

EXISTS: Final = "AlreadyExists"
"""Reason of an answer: the name is taken."""

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 10.0

_SNAPSHOTS: Final = f"/apis/{API_GROUP}/{API_VERSION}"


class Unreachable(Exception):
    """No answer that means anything, for as long as it was tried."""


class Refused(Exception):
    """The API said no."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason

    @property
    def passes(self) -> bool:
        """Whether the same request may well succeed in a moment."""
        return self.status == 429 or self.status >= 500 or self.reason == CONFLICT


class Api:
    """One namespace of a cluster."""

    def __init__(
        self,
        server: str,
        namespace: str,
        account: Path = SERVICE_ACCOUNT,
        *,
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = server
        self._namespace = namespace
        self._account = account
        self._patience = patience
        self._sleep = sleep
        context = ssl.create_default_context(cafile=str(account / "ca.crt"))
        # From 3.13 on Python wants key identifiers in a certificate, which many clusters' own CAs leave out.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        # A proxy of the environment is for the world outside, and would be told the token.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    @classmethod
    def in_cluster(cls, environment: Mapping[str, str], namespace: str) -> "Api":
        """As every pod finds it. `SERVICE_ACCOUNT` names another directory with token and CA than the kubelet's."""
        host = environment["KUBERNETES_SERVICE_HOST"]
        port = environment.get("KUBERNETES_SERVICE_PORT", "443")
        account = Path(environment.get("SERVICE_ACCOUNT", SERVICE_ACCOUNT))
        return cls(f"https://{f'[{host}]' if ':' in host else host}:{port}", namespace, account)

    def snapshots(self, labels: Mapping[str, str] | None = None) -> list[Object]:
        """The namespace's VolumeSnapshots, or those with these labels."""
        return self._list(_SNAPSHOTS, "volumesnapshots", labels)

    def create_snapshot(self, body: Object) -> Object:
        """Makes a VolumeSnapshot."""
        made: Object = self._call("POST", self._path(_SNAPSHOTS, "volumesnapshots"), body)
        return made

    def snapshot(self, name: str) -> Object | None:
        """A VolumeSnapshot; None where there is none."""
        return self._get(self._path(_SNAPSHOTS, "volumesnapshots", name))

    def delete_snapshot(self, item: Object, *, as_read: bool = False) -> bool:
        """Deletes a VolumeSnapshot, and no other of its name; False where it stays.

        With `as_read` it stays if anything about it has changed since it was read.
        """
        metadata = item["metadata"]
        unchanged = {key: metadata[key] for key in ("uid", *(["resourceVersion"] if as_read else []))}
        try:
            self._call(
                "DELETE",
                self._path(_SNAPSHOTS, "volumesnapshots", metadata["name"]),
                {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": unchanged},
            )
        except Refused as refused:
            if refused.status != 404 and refused.reason != CONFLICT:
                raise
            return refused.status == 404
        return True

    def deployment(self, name: str) -> Object | None:
        """A Deployment; None where there is none."""
        return self._get(self._path("/apis/apps/v1", "deployments", name))

    def cron_job(self, name: str) -> Object | None:
        """A CronJob; None where there is none."""
        return self._get(self._path("/apis/batch/v1", "cronjobs", name))

    def pods(self, labels: Mapping[str, str]) -> list[Object]:
        """The pods with these labels."""
        return self._list("/api/v1", "pods", labels)

    def claims(self) -> list[Object]:
        """The namespace's claims."""
        return self._list("/api/v1", "persistentvolumeclaims")

    def create_event(self, body: Object) -> None:
        """Makes an Event."""
        self._call("POST", self._path("/api/v1", "events"), body)

    def _path(self, group: str, plural: str, name: str = "") -> str:
        path = f"{group}/namespaces/{quote(self._namespace, safe='')}/{plural}"
        return f"{path}/{quote(name, safe='')}" if name else path

    def _list(self, group: str, plural: str, labels: Mapping[str, str] | None = None) -> list[Object]:
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        query = f"?{urlencode({'labelSelector': selector})}" if selector else ""
        items: list[Object] = self._call("GET", self._path(group, plural) + query).get("items") or []
        return items

    def _get(self, path: str) -> Object | None:
        try:
            found: Object = self._call("GET", path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return found

    def _call(self, method: str, path: str, body: Object | None = None) -> Any:
        pause, waited = _FIRST_PAUSE, 0.0
        while True:
            problem: Exception
            try:
                return self._once(method, path, body)
            except Refused as refused:
                if not refused.passes or (method == "DELETE" and refused.reason == CONFLICT):
                    raise
                problem = refused
            except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
                problem = error
            if waited >= self._patience:
                raise Unreachable(
                    f"the Kubernetes API does not answer {method} {path}: {_said(problem)}"
                ) from problem
            self._sleep(pause)
            waited += pause
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _once(self, method: str, path: str, body: Object | None) -> Any:
        # Read each time: the kubelet replaces it while we run.
        token = (self._account / "token").read_text(encoding="utf-8").strip()
        request = urllib.request.Request(  # noqa: S310 - the API server's address is https
            self._server + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/json",
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with self._opener.open(request, timeout=REQUEST_SECONDS) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None


def _refusal(error: urllib.error.HTTPError) -> Refused:
    with error:
        text = error.read().decode(errors="replace")
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        return Refused(error.code, "", f"{error.code} {' '.join(text.split())[:200] or error.reason}")
    message = str(status.get("message") or error.reason)
    return Refused(error.code, str(status.get("reason") or ""), " ".join(message.split()))


def _said(problem: Exception) -> str:
    return str(problem) or type(problem).__name__
