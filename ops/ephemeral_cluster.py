"""What an ephemeral stack's cluster has for it: whose the namespace is, and what was left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from tenacity import RetryError, Retrying, retry_if_not_result, stop_after_delay, wait_fixed

from ops.ephemeral_reach import SECONDS, reached
from ops.errors import OpsError, said
from ops.snapshot_cluster import GROUP
from stacks.ephemeral_profile import STATE_ID

_NAMESPACE_SECONDS: Final = 180
"""For the pods of a namespace to end."""

_MISSING: Final = 404
_ROUTES: Final = ("projectcontour.io", "v1", "httpproxies")


def refuse_moved(name: str, noted: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises OpsError where the objects in the state are at another server than the platform is at today.

    Every one of them has the same identifier there, so that an update would find nothing to do.
    """
    before, now = noted.get("clusterServer"), wanted.get("clusterServer")
    if before and now and before.rstrip("/") != now.rstrip("/"):
        raise OpsError(
            f"The objects of {name} are at {before}, and the platform is at {now} by now: python -m ops ephemeral down "
            f"{name} (with --forget if that cluster is gone), then up."
        )


class EphemeralCluster:
    """The cluster that a stack's settings name. Raises OpsError where it is not reached, Silent if it may be gone."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self._name = name
        self._namespace: str = settings["namespace"]
        self._domain: str = settings["domain"]
        self._api = reached(name, settings)

    def refuse_taken(self, state_id: str, *, made: bool) -> None:
        """Raises OpsError where an update would take over what is another's, or make nothing.

        `made`: whether the state says that the namespace was.
        """
        found = self._labels()
        if found is not None and found.get(STATE_ID) != state_id:
            raise OpsError(
                f"Namespace {self._namespace} is there already, and not of this stack: choose another name, or "
                "delete it if it is nobody's."
            )
        if found is None and made:
            # The identifiers in the state are the same as ever, so that an update would find nothing to do.
            raise OpsError(
                f"Namespace {self._namespace} was made, and is gone: its cluster is a new one, or somebody has deleted "
                f"it. python -m ops ephemeral down {self._name}, then up."
            )
        for namespace, route in self._routes():
            if namespace != self._namespace:
                raise OpsError(
                    f"{self._domain} is the host name of {namespace}/{route} already, and neither would answer: "
                    "choose another name."
                )

    def is_anothers(self, state_id: str) -> bool:
        """Whether the namespace has become another stack's, with all that is in it.

        Raises OpsError for one that is nobody's: it may be the stack's own, whose label somebody has taken off.
        """
        found = self._labels()
        if found is None:
            return False
        if STATE_ID not in found:
            raise OpsError(
                f"Namespace {self._namespace} has no label {STATE_ID}. If it is this stack's: kubectl label namespace "
                f"{self._namespace} {STATE_ID}={state_id}, and this again; otherwise delete or rename what is there."
            )
        return found[STATE_ID] != state_id

    def sweep(self, state_id: str) -> None:
        """Deletes what a killed run made and did not note: the namespace, and what is the cluster's for it."""
        from kubernetes import client

        if self.is_anothers(state_id):
            return
        for plural, name in self._of_snapshots():
            with self._asked(f"{plural} {name} cannot be deleted", ignored=(_MISSING,)):
                client.CustomObjectsApi(self._api).delete_cluster_custom_object(
                    *GROUP, plural, name, _request_timeout=SECONDS
                )
        # A namespace that is ending already is a conflict.
        with self._asked(f"Namespace {self._namespace} cannot be deleted", ignored=(_MISSING, 409)):
            client.CoreV1Api(self._api).delete_namespace(self._namespace, _request_timeout=SECONDS)
        try:
            Retrying(
                retry=retry_if_not_result(lambda labels: labels is None),
                wait=wait_fixed(1),
                stop=stop_after_delay(_NAMESPACE_SECONDS),
            )(self._labels)
        except RetryError:
            raise OpsError(
                f"Namespace {self._namespace} does not end: "
                f"kubectl get namespace {self._namespace} --output yaml says what it waits for."
            ) from None

    def _labels(self) -> dict[str, str] | None:
        """Of the namespace; None where there is none."""
        from kubernetes import client

        with self._asked(ignored=(_MISSING,)):
            found = client.CoreV1Api(self._api).read_namespace(self._namespace, _request_timeout=SECONDS)
            return found.metadata.labels or {}
        return None

    def _routes(self) -> list[tuple[str, str]]:
        """Namespace and name of each route of the host name."""
        from kubernetes import client

        with self._asked(ignored=(_MISSING,)):
            found = client.CustomObjectsApi(self._api).list_cluster_custom_object(
                *_ROUTES, _request_timeout=SECONDS
            )
            return [
                (item["metadata"].get("namespace", ""), item["metadata"]["name"])
                for item in found["items"]
                if (item.get("spec", {}).get("virtualhost") or {}).get("fqdn") == self._domain
            ]
        return []

    def _of_snapshots(self) -> list[tuple[str, str]]:
        """What stands for a snapshot that a volume began with: of the cluster, and for this namespace."""
        from kubernetes import client

        from components.snapshot_class import snapshot_class_name

        # A cluster without the kinds has none.
        with self._asked(ignored=(_MISSING,)):
            contents = client.CustomObjectsApi(self._api).list_cluster_custom_object(
                *GROUP, "volumesnapshotcontents", _request_timeout=SECONDS
            )
            return [
                ("volumesnapshotclasses", snapshot_class_name(self._namespace)),
                *(
                    ("volumesnapshotcontents", item["metadata"]["name"])
                    for item in contents["items"]
                    if item["spec"]["volumeSnapshotRef"].get("namespace") == self._namespace
                ),
            ]
        return []

    @contextmanager
    def _asked(
        self, what: str = "The cluster does not say what there is", ignored: tuple[int, ...] = ()
    ) -> Iterator[None]:
        """Raises OpsError for what the API server refuses, but for the statuses that are `ignored`."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ApiException as error:
            if error.status not in ignored:
                raise OpsError(f"{what}: {said(error)}.") from None
        except HTTPError as error:
            raise OpsError(f"{what}: {said(error)}.") from None
