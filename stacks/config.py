"""The only reader of Pulumi's config and state."""

import json
from functools import cache
from typing import Any

import pulumi
from tenacity import retry, retry_if_exception_message, stop_after_attempt, wait_fixed

from components.cluster import RECORD_TYPE, SETTLED_TYPE
from components.tts.rollout import ASKED_CLASS
from components.tts.snapshots import AFTER, PRE_UPGRADE_JOB
from stacks import arguments
from stacks.kubeconfig import Cluster, NoCluster, NotYet, find
from stacks.load import load
from stacks.placeholders import placeholders
from stacks.problems import NAMESPACE, SettingsError
from stacks.settings import ExistingClaim, Stack
from stacks.state_checks import moved, redelivered, resettled

_ADDON = "aws:eks/addon:Addon"
_APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"
_CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
_JOB = "kubernetes:batch/v1:Job"


def current() -> Stack:
    """The stack that Pulumi runs. Raises `pulumi.RunError`, which Pulumi prints without a traceback."""
    claims = _existing_claims()
    try:
        stack = load(pulumi.get_stack(), _values(), claims, _secret())
        problems = list(redelivered(stack.settings.delivery, claims, _outputs_in_state(_APPLICATION)))
        if problems:
            raise SettingsError(stack.name, problems)
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    return stack


def cluster(stack: Stack) -> Cluster | None:
    """The stack's cluster. None in a preview of one that does not exist yet; an update is refused there."""
    settings = stack.settings
    try:
        found = find(settings.kubeconfig, settings.kube_context)
    except NoCluster as missing:
        # Only the profile's own file may be yet to come: one that a person names, and that is not there, is a mistake.
        awaited = isinstance(missing, NotYet) and settings.kubeconfig == stack.profile.kubeconfig
        if awaited and pulumi.runtime.is_dry_run():
            return None
        raise pulumi.RunError(str(SettingsError(stack.name, [missing.problem]))) from None
    problems = list(moved(found.server, _recorded_server(), settings.cluster_server))
    if problems:
        raise pulumi.RunError(str(SettingsError(stack.name, problems)))
    return found


def _keys() -> list[str]:
    prefix = f"{NAMESPACE}:"
    # The one place that lists the keys that are set; `Config` can only be asked for those one knows.
    return [key.removeprefix(prefix) for key in pulumi.runtime.get_config_env() if key.startswith(prefix)]


def _values() -> dict[str, Any]:
    # Not `Config.get`, which warns of secrets that it hands out in clear: those are wrapped where they are used.
    return {key: _decoded(pulumi.runtime.get_config(f"{NAMESPACE}:{key}")) for key in _keys()}


def written() -> dict[str, Any]:
    """The keys that are set, with their values. Those of an ephemeral stack: it has no secret."""
    return {key: value for key, value in _values().items() if value not in ("", [], {})}


def _secret() -> set[str]:
    """The keys that are encrypted, or have something encrypted in them."""
    return {key for key in _keys() if pulumi.runtime.is_config_secret(f"{NAMESPACE}:{key}")}


def _decoded(text: str | None) -> Any:
    """Arrays and objects arrive as JSON; everything else as the text that it is."""
    if text and text[0] in "[{":
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _outputs_in_state(kind: str) -> list[dict[str, Any]]:
    """The outputs of every resource of a type. A stack that was never updated has none."""
    return [item["outputs"] for item in _state().values() if item["type"] == kind]


@cache
@retry(
    # The engine writes the state of an update that has begun, and a file is read half written.
    retry=retry_if_exception_message(match=r"(?s).*failed to load checkpoint"),
    wait=wait_fixed(0.2),
    stop=stop_after_attempt(10),
    reraise=True,
)
def _state() -> dict[str, Any]:
    """Every resource in the state, by URN, as the update found it."""
    reference = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    answer = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {"stackName": reference})
    resources: dict[str, Any] = answer.value["outputs"]
    return resources


def account(stack: Stack) -> None:
    """Refuses settings that would have the stack leave its cluster behind, and an update with placeholders."""
    if stack.aws is None:
        return
    made = next(
        (outputs["settled"] for outputs in _outputs_in_state(SETTLED_TYPE) if "settled" in outputs), None
    )
    problems = list(resettled(arguments.settled(stack.aws), made, _recorded_server()))
    examples = list(placeholders(stack))
    if pulumi.runtime.is_dry_run():
        for example in examples:
            pulumi.log.warn(
                f"tts-platform:{example.key} {' '.join(example.lines)} An update is refused with it."
            )
    else:
        problems += examples
    if problems:
        raise pulumi.RunError(str(SettingsError(stack.name, problems)))


def own_addons() -> frozenset[str]:
    """The EKS add-ons that the stack has made, by name."""
    return frozenset(outputs["addonName"] for outputs in _outputs_in_state(_ADDON) if "addonName" in outputs)


def failed_job() -> str | None:
    """What the Job before an upgrade comes after: the uid of one that did not end well, and None where none failed."""
    for job in _outputs_in_state(_JOB):
        if job.get("metadata", {}).get("name") == PRE_UPGRADE_JOB:
            conditions = (job.get("status") or {}).get("conditions") or []
            if any(item["type"] == "Complete" and item["status"] == "True" for item in conditions):
                # As it is: anything else would be another Job.
                after = job["spec"]["template"]["metadata"].get("annotations", {}).get(AFTER)
                return None if after is None else str(after)
            return str(job["metadata"].get("uid", "")) or None
    return None


def _recorded_server() -> str | None:
    return next((outputs.get("server") for outputs in _outputs_in_state(RECORD_TYPE)), None)


def _existing_claims() -> dict[str, ExistingClaim]:
    """The claims in the stack's state, by name."""
    # A claim whose creation failed is in the state without anything in it.
    made = [claim for claim in _outputs_in_state(_CLAIM) if "spec" in claim]
    return {
        claim["metadata"]["name"]: ExistingClaim(
            size=claim["spec"]["resources"]["requests"]["storage"],
            access_mode=claim["spec"]["accessModes"][0],
            storage_class=claim["spec"].get("storageClassName"),
            asked_class=claim["metadata"].get("annotations", {}).get(ASKED_CLASS),
            namespace=claim["metadata"]["namespace"],
        )
        for claim in made
    }
