"""The only reader of Pulumi's config and state."""

import json
from typing import Any

import pulumi

from stacks.kubeconfig import Cluster, NoCluster, find
from stacks.load import load
from stacks.problems import NAMESPACE, SettingsError
from stacks.settings import ExistingClaim, Stack

_CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"


def current() -> Stack:
    """The stack that Pulumi runs. Raises `pulumi.RunError`, which Pulumi prints without a traceback."""
    try:
        return load(pulumi.get_stack(), _values(), _existing_claims())
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None


def cluster(stack: Stack) -> Cluster | None:
    """The stack's cluster. None in a preview of one that does not exist yet; an update is refused there."""
    try:
        return find(stack.settings.kubeconfig, stack.settings.kube_context)
    except NoCluster as missing:
        if pulumi.runtime.is_dry_run():
            return None
        raise pulumi.RunError(str(SettingsError(stack.name, [missing.problem]))) from None


def _values() -> dict[str, Any]:
    config = pulumi.Config(NAMESPACE)
    prefix = f"{NAMESPACE}:"
    # The one place that lists the keys that are set; `Config` can only be asked for those one knows.
    keys = [key.removeprefix(prefix) for key in pulumi.runtime.get_config_env() if key.startswith(prefix)]
    return {key: _decoded(config.get(key)) for key in keys}


def _decoded(text: str | None) -> Any:
    """Arrays and objects arrive as JSON; everything else as the text that it is."""
    if text and text[0] in "[{":
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _existing_claims() -> dict[str, ExistingClaim]:
    """The claims in the stack's state, by name. A stack that was never updated has none."""
    reference = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    answer = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {"stackName": reference})
    resources: dict[str, Any] = answer.value["outputs"]
    claims = [item["outputs"] for item in resources.values() if item["type"] == _CLAIM]
    # A claim whose creation failed is in the state without anything in it.
    made = [claim for claim in claims if "spec" in claim]
    return {
        claim["metadata"]["name"]: ExistingClaim(
            size=claim["spec"]["resources"]["requests"]["storage"],
            access_mode=claim["spec"]["accessModes"][0],
            storage_class=claim["spec"].get("storageClassName"),
        )
        for claim in made
    }
