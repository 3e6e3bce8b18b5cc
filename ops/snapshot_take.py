"""A snapshot taken now: a Job of the schedule's own kind, followed to its end."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from components.tts.snapshot_job.names import CRON_JOB
from ops.errors import OpsError
from ops.snapshot_cluster import StackCluster
from ops.snapshot_settings import how_to_have_them

if TYPE_CHECKING:
    from kubernetes import client

_DEFAULT_SECONDS: Final = 3600
_MARGIN_SECONDS: Final = 60

_POLL_SECONDS: Final = 1.0
_TIMEOUT: Final = 20

Say = Callable[[str], None]
"""Shows how far it is."""


def take(cluster: StackCluster, why: str, by: str, say: Say) -> str:
    """Takes a snapshot and returns its name. Raises OpsError with the taker's own reason where there is none."""
    from urllib3.exceptions import HTTPError

    job = _started(cluster, why, by)
    name = job.metadata.name
    deadline = time.monotonic() + _patience(job)
    while time.monotonic() < deadline:
        try:
            done = _ended(cluster, name)
            pod = _pod(cluster, name)
        except HTTPError:
            # The Job goes on meanwhile.
            say("The cluster does not answer")
            time.sleep(_POLL_SECONDS)
            continue
        if done is None:
            say(_progress(pod))
            time.sleep(_POLL_SECONDS)
            continue
        said = " ".join((_message(pod) or "").split())
        if not done:
            raise OpsError(f"The snapshot failed: {said or _failure(cluster, name)}")
        if not said:
            raise OpsError(
                f"It is taken, and Job {name} does not say its name: make snapshots STACK={cluster.stack} shows it."
            )
        return said
    raise OpsError(
        f"Job {name} has not ended: kubectl --namespace {cluster.namespace} describe pod -l job-name={name}."
    )


def _started(cluster: StackCluster, why: str, by: str) -> client.V1Job:
    from kubernetes import client
    from kubernetes.client.exceptions import ApiException

    try:
        schedule = cluster.batch.read_namespaced_cron_job(
            CRON_JOB, cluster.namespace, _request_timeout=_TIMEOUT
        )
    except ApiException as error:
        if error.status != 404:
            raise
        raise OpsError(
            f"The cluster of stack {cluster.stack} takes no snapshots: {how_to_have_them(cluster.stack)}."
        ) from None
    template = schedule.spec.job_template
    spec = template.spec
    # One try: its message is the answer.
    spec.backoff_limit = 0
    (container,) = spec.template.spec.containers
    container.args = ["take"]
    given = {"WHY": why, "BY": by}
    container.env = [item for item in container.env or () if item.name not in given]
    container.env += [client.V1EnvVar(name=name, value=_verbatim(value)) for name, value in given.items()]
    metadata = template.metadata or client.V1ObjectMeta()
    body = client.V1Job(
        api_version="batch/v1",
        kind="Job",
        metadata=client.V1ObjectMeta(
            name=f"{CRON_JOB}-by-hand-{secrets.token_hex(3)}",
            labels=metadata.labels,
            # As kubectl create job --from does.
            annotations={**(metadata.annotations or {}), "cronjob.kubernetes.io/instantiate": "manual"},
            owner_references=[
                client.V1OwnerReference(
                    api_version="batch/v1", kind="CronJob", name=CRON_JOB, uid=schedule.metadata.uid
                )
            ],
        ),
        spec=spec,
    )
    return cluster.batch.create_namespaced_job(cluster.namespace, body, _request_timeout=_TIMEOUT)


def _verbatim(value: str) -> str:
    # The kubelet puts other variables' values in for $(NAME): https://kubernetes.io/docs/tasks/inject-data-application/
    return value.replace("$(", "$$(")


def _patience(job: client.V1Job) -> float:
    # The Job's own deadline first: it says what has happened.
    return float(job.spec.active_deadline_seconds or _DEFAULT_SECONDS) + _MARGIN_SECONDS


def _ended(cluster: StackCluster, name: str) -> bool | None:
    """Whether the Job has done its work; None while nobody knows."""
    conditions = _conditions(cluster, name)
    if conditions.get("Complete"):
        return True
    return False if conditions.get("Failed") else None


def _failure(cluster: StackCluster, name: str) -> str:
    condition = _conditions(cluster, name).get("Failed")
    said = condition.message if condition else None
    return said or f"kubectl --namespace {cluster.namespace} logs job/{name} says more."


def _conditions(cluster: StackCluster, name: str) -> dict[str, Any]:
    job = cluster.batch.read_namespaced_job(name, cluster.namespace, _request_timeout=_TIMEOUT)
    return {item.type: item for item in job.status.conditions or () if item.status == "True"}


def _pod(cluster: StackCluster, name: str) -> client.V1Pod | None:
    pods = cluster.core.list_namespaced_pod(
        cluster.namespace, label_selector=f"job-name={name}", _request_timeout=_TIMEOUT
    ).items
    return max(pods, key=lambda pod: pod.metadata.creation_timestamp, default=None)


def _states(pod: client.V1Pod | None) -> Iterator[Any]:
    for status in (pod.status.container_statuses if pod else None) or ():
        yield status.state


def _message(pod: client.V1Pod | None) -> str | None:
    return next((state.terminated.message for state in _states(pod) if state.terminated), None)


def _progress(pod: client.V1Pod | None) -> str:
    waiting = next((state.waiting.reason for state in _states(pod) if state.waiting), None)
    if pod is None or pod.status.phase == "Pending":
        return f"Waiting for the pod{f' ({waiting})' if waiting else ''}"
    return "The storage takes the snapshot"
