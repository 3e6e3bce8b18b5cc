"""From raw config to a `Stack`, or to one error with everything that is wrong."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from components.edge import ClientAddress
from components.storage_backend import StorageBackend
from stacks.aws_checks import AWS_CHECKS
from stacks.aws_settings import AwsSettings
from stacks.checks import CHECKS, Context
from stacks.choices import Delivery, Snapshots
from stacks.ephemeral_checks import EPHEMERAL_CHECKS
from stacks.ephemeral_profile import EPHEMERAL, name_of
from stacks.ephemeral_settings import EphemeralSettings
from stacks.gitops_checks import GITOPS_CHECKS
from stacks.gitops_settings import SECRETS, GitOpsSettings
from stacks.problems import Problem, Refusal, SettingsError
from stacks.profile import Profile
from stacks.profiles import PROFILES
from stacks.settings import ExistingClaim, Stack, StackSettings
from stacks.snapshot_checks import SNAPSHOT_CHECKS
from stacks.state_checks import STATE_CHECKS
from stacks.versions import EKS, PYTHON

_REQUIRED = ("Every stack sets this key itself.", "Write it; Pulumi.yaml says what it is for.")
_AWS_KEY = "awsRegion"
"""The key that puts a stack on AWS."""

_AWS_ONLY = (
    f"means something on AWS only, and {_AWS_KEY} is not set.",
    f"Write {_AWS_KEY}, or take it out.",
)
_GITOPS_ONLY = (
    "means something with delivery gitops only.",
    "Write delivery: gitops, or take it out.",
)
_EPHEMERAL_ONLY = (
    "means something in an ephemeral stack only.",
    "Take it out; docs/ephemeral.md says how to make such a stack.",
)
_NO_AWS = (
    "is for a stack that is never on AWS: its cluster is the embedded one.",
    "Take it out, or use dev or prod.",
)
_MADE_ELSEWHERE = {
    "vpcId": {"vpcCidr", "zones", "natPerZone", "flowLogs"},
    "eksCluster": {"serviceCidr", "apiCidrs", "clusterAdmins"},
}
"""What is not made, and so not set, where the key on the left names it."""

_SECRET = (
    "is encrypted here, and would be readable in the cluster and in the state: it is not a key for a secret.",
    "Set it again with --plaintext if anyone may read it; if not, take it out.",
)
_READABLE = (
    "is a secret, and everybody can read it here.",
    "Make a new one, and set it with pulumi config set --secret {key}.",
)


def load(
    name: str,
    raw: Mapping[str, Any],
    existing: Mapping[str, ExistingClaim],
    secret: Collection[str] = (),
) -> Stack:
    """The stack `name` from its config values: `existing` are the claims that it has, `secret` the encrypted keys."""
    ephemeral = name_of(name)
    profile = PROFILES.get(name) if ephemeral is None else EPHEMERAL
    if profile is None:
        raise SettingsError(name, [_no_profile(name)])
    # An empty text is how Pulumi.yaml says "not set": a key without any default would be mandatory.
    values = {key: value for key, value in raw.items() if value not in ("", [], {}, None)}
    defaults = _profile_defaults(profile)
    if "kubeContext" in values:
        # A context that a person names is one of their own kubeconfig, unless they name a file too, and of a cluster
        # whose storage may be any.
        defaults.pop("kubeconfig", None)
        defaults.pop("snapshotDriver", None)
    complete = defaults | values

    on_aws = _AWS_KEY in values and profile.aws is not None
    complete.setdefault("snapshots", _snapshots(complete, on_aws=on_aws))
    fields = dict(StackSettings.model_fields)
    if on_aws:
        fields |= AwsSettings.model_fields
    from_git = complete.get("delivery") == Delivery.GITOPS
    if from_git:
        fields |= GitOpsSettings.model_fields
    if ephemeral is not None:
        fields |= EphemeralSettings.model_fields
    problems = [*_unknown_keys(values), *_aws_keys(values, profile)]
    problems += () if from_git else _gitops_keys(values)
    problems += _ephemeral_keys(values) if ephemeral is None else ()
    valid: dict[str, Any] = {}
    for field, info in fields.items():
        key = str(info.alias)
        if (key in secret) != (key in SECRETS) and key in values:
            # Nothing else is said about it: a refusal shows the value that it refuses.
            why, instead = _SECRET if key in secret else _READABLE
            problems.append(Problem(key=key, value=None, why=why, instead=instead.format(key=key)))
            continue
        if key not in complete:
            if info.is_required():
                problems.append(Problem(key=key, value=None, why=_REQUIRED[0], instead=_REQUIRED[1]))
            else:
                valid[field] = info.get_default(call_default_factory=True)
            continue
        try:
            # Field by field, so that one bad value does not hide what the checks across keys have to say.
            valid[field] = TypeAdapter[Any](info.rebuild_annotation()).validate_python(complete[key])
        except ValidationError as error:
            shown = None if key in SECRETS else complete[key]
            problems.extend(_refused(key, shown, error))

    context = Context(profile=profile, values=valid, existing=existing, ephemeral=ephemeral)
    for check in (
        *CHECKS,
        *SNAPSHOT_CHECKS,
        *STATE_CHECKS,
        *(AWS_CHECKS if on_aws else ()),
        *(GITOPS_CHECKS if from_git else ()),
        *(EPHEMERAL_CHECKS if ephemeral is not None else ()),
    ):
        problems.extend(check(context))
    if problems:
        raise SettingsError(name, sorted(problems, key=lambda problem: problem.key))
    return Stack(
        name=name,
        profile=profile,
        settings=_made(StackSettings, valid),
        aws=_made(AwsSettings, valid) if on_aws else None,
        gitops=_made(GitOpsSettings, valid) if from_git else None,
        ephemeral=_made(EphemeralSettings, valid) if ephemeral is not None else None,
    )


_Settings = TypeVar("_Settings", bound=BaseModel)


def _made(kind: type[_Settings], valid: Mapping[str, Any]) -> _Settings:
    return kind.model_validate({str(info.alias): valid[name] for name, info in kind.model_fields.items()})


_AWS_DEFAULTS = {
    # The newest that is tested.
    "kubernetesVersion": max(EKS),
    "serviceCidr": "172.20.0.0/16",
    "gpuNodesMin": 0,
    "clientAddress": ClientAddress.PRESERVED,
}
"""The same in every environment."""


def _profile_defaults(profile: Profile) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "exposure": profile.exposure,
        "issuer": profile.issuer,
        "rollout": profile.rollout,
        "accessMode": profile.access_mode,
        "kubeconfig": profile.kubeconfig,
        "deletionProtection": profile.protect,
        "certManagerVersion": profile.cert_manager.tag,
        "snapshotDriver": profile.snapshot_driver,
        "snapshotSchedule": "0 2 * * *",
        "snapshotTimeZone": "Etc/UTC",
        "snapshotsKept": 7,
        "snapshotMinutes": 60,
        "snapshotImage": PYTHON,
        "delivery": profile.delivery,
        "gitRevision": "main",
        # Argo CD's own default: https://argo-cd.readthedocs.io/en/stable/user-guide/auto_sync/
        "gitPollSeconds": 180,
    }
    if profile.aws is not None:
        defaults |= _AWS_DEFAULTS | {
            "vpcCidr": profile.aws.vpc_cidr,
            "natPerZone": profile.aws.nat_per_zone,
            "flowLogs": profile.aws.flow_logs,
            "edgeInstanceTypes": profile.aws.edge_instance_types,
            "edgeNodes": profile.aws.edge_nodes,
            "gpuCapacity": profile.aws.gpu_capacity,
            "crossZone": profile.aws.cross_zone,
            "storage": profile.aws.storage,
        }
    return {key: value for key, value in defaults.items() if value is not None}


def _snapshots(complete: Mapping[str, Any], *, on_aws: bool) -> Snapshots:
    """Wherever the volumes' storage takes any that we know of."""
    there = complete.get("storage") == StorageBackend.EBS if on_aws else "snapshotDriver" in complete
    return Snapshots.CSI if there else Snapshots.NONE


def _no_profile(name: str) -> Problem:
    known = ", ".join(PROFILES)
    return Problem(
        key="(stack)",
        value=name,
        why="is a stack without a profile.",
        instead=f"Select one of {known}, or write stacks/profiles/{name}.py; docs/gitops.md shows one.",
    )


def _unknown_keys(values: Mapping[str, Any]) -> Iterator[Problem]:
    kinds = (StackSettings, AwsSettings, GitOpsSettings, EphemeralSettings)
    known = [key for kind in kinds for key in _keys(kind)]
    for key in sorted(values.keys() - set(known)):
        yield Problem(key=key, value=None, why="is not a key of this project.", instead=_nearest(key, known))


def _keys(kind: type[BaseModel]) -> list[str]:
    return [str(info.alias) for info in kind.model_fields.values()]


def _aws_keys(values: Mapping[str, Any], profile: Profile) -> Iterator[Problem]:
    """Keys of AWS in a stack that is not on it."""
    if profile.aws is None:
        why, instead = _NO_AWS
    elif _AWS_KEY not in values:
        why, instead = _AWS_ONLY
    else:
        yield from _unused_keys(values)
        return
    for key in sorted(values.keys() & set(_keys(AwsSettings))):
        yield Problem(key=key, value=None, why=why, instead=instead)


def _gitops_keys(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys of a delivery from git in a stack that has none."""
    for key in sorted(values.keys() & set(_keys(GitOpsSettings))):
        why, instead = _GITOPS_ONLY
        yield Problem(key=key, value=None, why=why, instead=instead)


def _ephemeral_keys(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys of an ephemeral stack in another one."""
    for key in sorted(values.keys() & set(_keys(EphemeralSettings))):
        why, instead = _EPHEMERAL_ONLY
        yield Problem(key=key, value=None, why=why, instead=instead)


def _unused_keys(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys of what the stack does not make, because another key names one that is there."""
    for there, unused in _MADE_ELSEWHERE.items():
        for key in sorted(values.keys() & unused) if there in values else ():
            yield Problem(
                key=key,
                value=values[key],
                why=f"would change nothing: {there} names what is there, and the stack does not touch it.",
                instead=f"Take {key} out, or {there}.",
            )


def _nearest(word: str, known: list[str]) -> str:
    lower = {item.lower(): item for item in known}
    close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.5)
    return (
        f"Did you mean {lower[close[0]]}?" if close else "Take it out; Pulumi.yaml lists the keys there are."
    )


def _refused(key: str, value: Any, error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
        path = path.removesuffix(".[key]")
        cause = detail.get("ctx", {}).get("error")
        # A container says which of its parts is wrong; the part's own value is what the person should see.
        shown = detail["input"] if path else value
        if isinstance(cause, Refusal):
            value = None if cause.secret else shown
            yield Problem(key=key + path, value=value, why=cause.why, instead=cause.instead)
        elif detail["type"] == "enum":
            choices = str(detail["ctx"]["expected"]).replace("'", "")
            yield Problem(
                key=key + path, value=shown, why="is none of the choices.", instead=f"Write {choices}."
            )
        elif detail["type"] == "extra_forbidden":
            yield Problem(
                key=key + path, value=None, why="is not a key here.", instead="Take it out; see Pulumi.yaml."
            )
        elif detail["type"] == "missing":
            yield Problem(
                key=key + path, value=None, why="is missing.", instead="Write it; Pulumi.yaml says how."
            )
        else:
            yield Problem(
                key=key + path, value=shown, why=f"has the wrong shape: {detail['msg']}.", instead=_SHAPE
            )


_SHAPE = "Pulumi.yaml shows how this key is written."
