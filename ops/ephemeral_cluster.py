"""What an ephemeral stack's cluster says: whether it answers, whose the namespace is, and what was left behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tenacity import RetryError, Retrying, retry_if_not_result, stop_after_delay, wait_fixed

from ops.errors import OpsError, said
from ops.snapshot_cluster import GROUP
from stacks.ephemeral_profile import STATE_ID
from stacks.kubeconfig import NoCluster, find

if TYPE_CHECKING:
    from kubernetes import client

_SECONDS: Final = 10
_NAMESPACE_SECONDS: Final = 180
"""For the pods of a namespace to end."""


class Unreachable(OpsError):
    """Nobody answers at the stack's cluster, or it is another one."""


class EphemeralCluster:
    """The cluster that a stack's settings name. Raises Unreachable where it does not answer."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        from kubernetes import client, config
        from kubernetes.config.config_exception import ConfigException
        from urllib3.exceptions import HTTPError

        self._namespace: str = settings["namespace"]
        gone = (
            f"If it is gone for good: python -m ops ephemeral down {name} --forget removes the stack alone."
        )
        try:
            there = find(settings.get("kubeconfig"), settings.get("kubeContext"))
            # The current context may be any; this one is the settings'.
            self._api: client.ApiClient = config.new_client_from_config(
                config_file=there.kubeconfig, context=there.context
            )
            self._api.configuration.retries = False
        except NoCluster as missing:
            problem = missing.problem
            raise Unreachable(
                f"The cluster of {name} is not known: {problem.value or problem.key} {problem.why} {gone}"
            ) from None
        except ConfigException as error:
            raise Unreachable(f"The kubeconfig of {name} does not work: {error} {gone}") from None
        server = settings.get("clusterServer", there.server)
        if there.server.rstrip("/") != str(server).rstrip("/"):
            raise Unreachable(
                f"The objects of {name} are at {server}, and the kubeconfig leads to {there.server}. {gone}"
            )
        try:
            client.VersionApi(self._api).get_code(_request_timeout=_SECONDS)
        except (HTTPError, client.ApiException) as error:
            raise Unreachable(
                f"The cluster of {name} ({there.server}) does not answer: {said(error)}. {gone}"
            ) from None

    def refuse_taken(self, state_id: str) -> None:
        """Raises OpsError where the namespace is there and not this stack's: an update would take it over."""
        found = self._labels()
        if found is not None and found.get(STATE_ID) != state_id:
            raise OpsError(
                f"Namespace {self._namespace} is there already, and not of this stack: choose another name, or "
                "delete it if it is nobody's."
            )

    def sweep(self, state_id: str) -> None:
        """Deletes what a killed run made and did not note: the namespace, and what is the cluster's for it."""
        from kubernetes import client
        from kubernetes.client.exceptions import ApiException

        found = self._labels()
        if found is None or found.get(STATE_ID) != state_id:
            return
        for plural, name in self._of_snapshots():
            self._absent(plural, name)
        core = client.CoreV1Api(self._api)
        try:
            core.delete_namespace(self._namespace, _request_timeout=_SECONDS)
        except ApiException as error:
            if error.status not in (404, 409):
                raise OpsError(f"Namespace {self._namespace} cannot be deleted: {said(error)}.") from None
        try:
            Retrying(
                retry=retry_if_not_result(lambda labels: labels is None),
                wait=wait_fixed(1),
                stop=stop_after_delay(_NAMESPACE_SECONDS),
            )(self._labels)
        except RetryError:
            raise OpsError(
                f"Namespace {self._namespace} does not end: "
                f"kubectl get namespace {self._namespace} --output yaml says why."
            ) from None

    def _labels(self) -> dict[str, str] | None:
        """Of the namespace; None where there is none."""
        from kubernetes import client
        from kubernetes.client.exceptions import ApiException

        try:
            found = client.CoreV1Api(self._api).read_namespace(self._namespace, _request_timeout=_SECONDS)
        except ApiException as error:
            if error.status == 404:
                return None
            raise OpsError(f"The cluster refuses: {said(error)}.") from None
        return found.metadata.labels or {}

    def _of_snapshots(self) -> list[tuple[str, str]]:
        """What stands for a snapshot that a volume began with: of the cluster, and for this namespace."""
        from kubernetes import client
        from kubernetes.client.exceptions import ApiException

        from components.snapshot_class import snapshot_class_name

        try:
            contents = client.CustomObjectsApi(self._api).list_cluster_custom_object(
                *GROUP, "volumesnapshotcontents", _request_timeout=_SECONDS
            )
        except ApiException:
            # A cluster without snapshots has none.
            return []
        return [
            ("volumesnapshotclasses", snapshot_class_name(self._namespace)),
            *(
                ("volumesnapshotcontents", item["metadata"]["name"])
                for item in contents["items"]
                if item["spec"]["volumeSnapshotRef"].get("namespace") == self._namespace
            ),
        ]

    def _absent(self, plural: str, name: str) -> None:
        from kubernetes import client
        from kubernetes.client.exceptions import ApiException

        try:
            client.CustomObjectsApi(self._api).delete_cluster_custom_object(
                *GROUP, plural, name, _request_timeout=_SECONDS
            )
        except ApiException as error:
            if error.status != 404:
                raise OpsError(f"{plural} {name} cannot be deleted: {said(error)}.") from None
