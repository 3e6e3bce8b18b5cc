"""Whether a volume can be made from a snapshot, asked before a claim is: a claim that cannot be made waits for ever.

In a preview already. The Job before the pods asks once more, and is the only one to ask where Argo CD delivers.
"""

from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.cluster import ClusterArgs
from components.cluster_client import cluster_client
from components.tts.restore import Restore
from components.tts.snapshot_job.names import API_GROUP, API_VERSION, Object, object_name
from components.tts.snapshot_job.wanted import problem_of

_SECONDS: Final = 10


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who is asked, and for whom."""

    cluster: ClusterArgs
    stack: str
    """Whose snapshot it has to be."""


def restorable(
    asked: Asked, namespace: pulumi.Input[str], restore: Restore, volume: str, size: str
) -> pulumi.Output[str]:
    """Name of the VolumeSnapshot of one volume, once it is seen to be ready, of this stack, and no larger than `size`.

    Fails the preview or the update in one line otherwise, and with it every claim that is to be made from it. A claim
    that has a volume is not made again: what it came from may be gone.
    """
    answer = pulumi.Output.all(namespace, asked.cluster.kubeconfig, asked.cluster.context)

    def checked(values: list[Any]) -> str:
        home, kubeconfig, context = map(str, values)
        problem = _problem(asked.stack, home, restore, volume, size, kubeconfig, context)
        if problem is not None:
            raise pulumi.RunError(problem)
        return object_name(restore.snapshot, volume)

    # The kubeconfig is secret, and nothing of it is in the name.
    return pulumi.Output.unsecret(answer.apply(checked))


def _problem(
    stack: str, namespace: str, restore: Restore, volume: str, size: str, kubeconfig: str, context: str
) -> str | None:
    # Not above: a program that restores nothing has no need of it.
    from kubernetes import client
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    api = cluster_client(kubeconfig, context)

    def claim() -> Any:
        found = client.CoreV1Api(api).read_namespaced_persistent_volume_claim(
            restore.claim(volume), namespace, _request_timeout=_SECONDS
        )
        return api.sanitize_for_serialization(found)

    def snapshot() -> Object:
        name = object_name(restore.snapshot, volume)
        found: Object = client.CustomObjectsApi(api).get_namespaced_custom_object(
            API_GROUP, API_VERSION, namespace, "volumesnapshots", name, _request_timeout=_SECONDS
        )
        return found

    def found(read: Any) -> Any:
        try:
            return read()
        except ApiException as error:
            if error.status != 404:
                raise
            return None

    try:
        return problem_of(str(restore), volume, stack, size, found(claim), lambda: found(snapshot))
    except (ApiException, HTTPError) as error:
        said = " ".join(str(error).split())[:200]
        return f"tts-platform:restoreFrom: {restore}: the cluster does not say whether it is there ({said})."
    finally:
        api.close()
