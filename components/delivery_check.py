"""Whether Argo CD can read what it is to deliver, asked at the end of an update and told in words.

Otherwise the update ends well, or waits for its time-out, and the reason stands in a condition that nobody looks at.
https://argo-cd.readthedocs.io/en/release-3.2/operator-manual/declarative-setup/#applications
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pulumi
import yaml
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from components.cluster import ClusterArgs

SECONDS: Final = 60
"""For Argo CD to look into git. It takes a few; the first time, while its repo server starts, up to thirty."""

_REFRESH: Final = "argocd.argoproj.io/refresh"
"""Annotation by which the controller is asked to look, and which it takes away when it has."""

_ERRORS: Final = ("ComparisonError", "InvalidSpecError", "UnknownError")

_MEANINGS: Final = (
    ("authentication required", "gitToken", "git refuses the credential. Set gitToken to one that can read."),
    ("permission denied", "gitSshKey", "git refuses the credential. Set gitSshKey to one that can read."),
    ("unable to authenticate", "gitSshKey", "git refuses the key. Set gitSshKey to one that can read."),
    ("repository not found", "gitRepository", "there is no such repository, or the credential cannot see it."),
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
    from kubernetes import client, config
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    text = yaml.safe_load(kubeconfig)
    if isinstance(text, dict):
        api = config.new_client_from_config_dict(text, context=context)
    else:
        api = config.new_client_from_config(config_file=kubeconfig, context=context)
    objects = client.CustomObjectsApi(api)
    where = ("argoproj.io", "v1alpha1", namespace, "applications", application)

    def asked() -> None:
        objects.patch_namespaced_custom_object(
            *where, {"metadata": {"annotations": {_REFRESH: "normal"}}}, _request_timeout=10
        )

    def looked() -> dict[str, Any] | None:
        """The application, once the controller has looked again."""
        found: dict[str, Any] = objects.get_namespaced_custom_object(*where, _request_timeout=10)
        return None if _REFRESH in found["metadata"].get("annotations", {}) else found

    retrying = Retrying(
        retry=retry_if_result(lambda found: found is None)
        | retry_if_exception_type((ApiException, HTTPError)),
        wait=wait_fixed(0.5),
        stop=stop_after_delay(SECONDS),
    )
    try:
        Retrying(
            retry=retry_if_exception_type((ApiException, HTTPError)),
            wait=wait_fixed(1),
            stop=stop_after_delay(20),
        )(asked)
        found = retrying(looked)
    except RetryError as error:
        attempt = error.last_attempt
        cause = f" ({' '.join(str(attempt.exception()).split())[:200]})" if attempt.failed else ""
        raise pulumi.RunError(
            f"Argo CD has not looked into git within {SECONDS} s{cause}: see kubectl --namespace {namespace} get pods."
        ) from None
    for problem in problems(found or {}):
        raise pulumi.RunError(problem)
    return application


def problems(application: Mapping[str, Any]) -> Iterator[str]:
    """What keeps Argo CD from reading git, each in one line that names the key."""
    source = application["spec"]["source"]
    for condition in application.get("status", {}).get("conditions", []):
        if condition["type"] not in _ERRORS:
            continue
        said = condition["message"]
        what = f"{source['path']} of {source['repoURL']} at {source['targetRevision']}"
        for sign, key, meaning in _MEANINGS:
            if sign in said.lower():
                yield f"tts-platform:{key}: Argo CD cannot read {what}: {meaning}"
                break
        else:
            yield f"Argo CD cannot deliver {what}. It says: {' '.join(said.split())[:300]}"
