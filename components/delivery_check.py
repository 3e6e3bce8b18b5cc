"""Whether Argo CD can read what it is to deliver, asked at the end of an update and told in words.

Otherwise the update ends well, or waits for its time-out, and the reason stands in a condition that nobody looks at.
Parts of Argo CD itself that are away are waited for: git has no part in that.
https://argo-cd.readthedocs.io/en/release-3.2/operator-manual/declarative-setup/#applications
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pulumi

from components.cluster import ClusterArgs
from components.cluster_client import cluster_client

SECONDS: Final = 60
"""For Argo CD to look into git. It takes a few; the first time, while its repo server starts, up to thirty."""

_PAUSE: Final = 1.0
"""Seconds between two looks."""

_REFRESH: Final = "argocd.argoproj.io/refresh"
"""Annotation by which the controller is asked to look, and which it takes away when it has."""

_ERRORS: Final = ("ComparisonError", "InvalidSpecError", "UnknownError")

_UNAVAILABLE: Final = "code = unavailable"
"""gRPC's word for a server that is away: here Argo CD's own repo server, while git's faults are of other codes.
https://grpc.io/docs/guides/status-codes/"""

_MEANINGS: Final = (
    # GitHub adds it to the words for a credential that is missing.
    ("repository not found", "gitRepository", "there is no such repository, or the credential cannot see it."),
    ("authentication required", "gitToken", "git refuses the credential. Set gitToken to one that can read."),
    ("permission denied", "gitSshKey", "git refuses the credential. Set gitSshKey to one that can read."),
    ("unable to authenticate", "gitSshKey", "git refuses the key. Set gitSshKey to one that can read."),
    ("knownhosts: key is unknown", "gitRepository", "Argo CD does not know the host's SSH key. Write an https URL."),
    ("x509:", "gitRepository", "it does not trust the git server's certificate. Have a public authority sign one."),
    ("unable to resolve", "gitRevision", "there is no such branch or tag. Push it, or write another gitRevision."),
    ("app path does not exist", "gitRevision", "the manifests are not on it. Run make render, and push what it wrote."),
    ("no such host", "gitRepository", "the cluster cannot look up the host. Mend the URL, or the cluster's DNS."),
    ("connection refused", "gitRepository", "nothing answers there. Mend the URL, or start the git server."),
    ("i/o timeout", "gitRepository", "the cluster does not reach it. Mend the URL, or the way from the nodes to git."),
    ("context deadline exceeded", "gitRepository", "it does not answer in time. See the way from the nodes to git."),
)  # fmt: skip
"""What the controller says, which key it is about, and what it means."""


def checked(
    application: pulumi.Output[str], namespace: pulumi.Input[str], cluster: ClusterArgs | None
) -> pulumi.Output[str]:
    """The application's name, once Argo CD has read what it is to deliver. Asks nothing in a preview.

    Fails the update with one line where git cannot be read within a minute.
    """
    if cluster is None:
        return application
    answer = pulumi.Output.all(application, namespace, cluster.kubeconfig, cluster.context)
    # The kubeconfig is secret, and nothing of it is in the name.
    return pulumi.Output.unsecret(answer.apply(lambda values: _checked(*map(str, values))))


def _checked(application: str, namespace: str, kubeconfig: str, context: str) -> str:
    if pulumi.runtime.is_dry_run():
        return application
    # Not above: stacks with direct delivery have no need of it.
    from kubernetes import client
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    objects = client.CustomObjectsApi(cluster_client(kubeconfig, context))
    where = ("argoproj.io", "v1alpha1", namespace, "applications", application)

    def ask() -> None:
        objects.patch_namespaced_custom_object(
            *where, {"metadata": {"annotations": {_REFRESH: "normal"}}}, _request_timeout=10
        )

    def look() -> Mapping[str, Any]:
        found: dict[str, Any] = objects.get_namespaced_custom_object(*where, _request_timeout=10)
        return found

    try:
        found = read(ask, look, (ApiException, HTTPError), SECONDS)
    except TimeoutError as error:
        raise pulumi.RunError(
            f"Argo CD has not looked into git within {SECONDS} s{error}: see kubectl --namespace {namespace} get pods."
        ) from None
    for problem in problems(found):
        raise pulumi.RunError(problem)
    return application


def read(
    ask: Callable[[], None],
    look: Callable[[], Mapping[str, Any]],
    passing: tuple[type[Exception], ...],
    seconds: float,
    pause: float = _PAUSE,
) -> Mapping[str, Any]:
    """The application, once the controller has looked into git after being asked to.

    Asks and looks again where that fails with one of `passing`, or where a part of Argo CD is away. Raises TimeoutError
    with the last cause, in brackets, after `seconds` for all of it.
    """
    asked, cause = False, ""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if not asked:
                ask()
                asked = True
            found = look()
        except passing as error:
            cause = _brief(error)
        else:
            if _REFRESH not in found["metadata"].get("annotations", {}):
                away = _away(found)
                if away is None:
                    return found
                # The controller would not look again by itself before its next turn.
                asked, cause = False, _brief(away)
        time.sleep(min(pause, max(deadline - time.monotonic(), 0)))
    raise TimeoutError(cause)


def _brief(cause: object) -> str:
    return f" ({' '.join(str(cause).split())[:200]})"


def _away(application: Mapping[str, Any]) -> str | None:
    """What the controller says of a part of Argo CD that does not answer it."""
    return next((said for said in _complaints(application) if _UNAVAILABLE in said.lower()), None)


def _complaints(application: Mapping[str, Any]) -> Iterator[str]:
    for condition in application.get("status", {}).get("conditions", []):
        if condition["type"] in _ERRORS:
            yield condition["message"]


def problems(application: Mapping[str, Any]) -> Iterator[str]:
    """What keeps Argo CD from reading git, each in one line that names the key."""
    source = application["spec"]["source"]
    for said in _complaints(application):
        what = f"{source['path']} of {source['repoURL']} at {source['targetRevision']}"
        for sign, key, meaning in _MEANINGS:
            if sign in said.lower():
                yield f"tts-platform:{key}: Argo CD cannot read {what}: {meaning}"
                break
        else:
            yield f"Argo CD cannot deliver {what}. It says: {' '.join(said.split())[:300]}"
