"""What single values cannot say: settings that are fine alone and not together.

A check sees only the values that are valid by themselves, so it asks for each and stays silent without it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from components.edge import Exposure
from components.tts.engine import Engine
from components.tts.rollout import WEIGHTS_CLAIM, Rollout
from components.tts.snapshot_job.quantity import amount
from stacks.choices import AccessMode, Issuer
from stacks.engines import CUSTOM, ENGINES, VLLM_OMNI
from stacks.problems import Problem
from stacks.profile import Profile
from stacks.settings import ExistingClaim
from stacks.versions import CERT_MANAGERS


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a check may look at."""

    profile: Profile
    values: Mapping[str, Any]
    """Valid settings by field name."""

    existing: Mapping[str, ExistingClaim]
    ephemeral: str | None = None
    """Name of an ephemeral stack; None for every other."""

    @property
    def engine(self) -> Engine | None:
        """The chosen engine's profile, if there is such an engine."""
        custom = self.values.get("custom_engine")
        if self.values.get("engine") == CUSTOM:
            return custom.profile() if custom else None
        return ENGINES.get(self.values.get("engine", ""))


Check = Callable[[Context], Iterator[Problem]]


def _engine_is_known(context: Context) -> Iterator[Problem]:
    name = context.values.get("engine")
    if name is not None and name != CUSTOM and name not in ENGINES:
        yield Problem(
            key="engine",
            value=name,
            why="is not an engine that has a profile.",
            instead=f"Write {', '.join(ENGINES)}, or {CUSTOM} with customEngine.",
        )


def _custom_engine_is_described(context: Context) -> Iterator[Problem]:
    if "custom_engine" not in context.values or "engine" not in context.values:
        return
    chosen, described = context.values["engine"] == CUSTOM, context.values["custom_engine"] is not None
    if chosen and not described:
        yield Problem(
            key="customEngine",
            value=None,
            why=f'engine is "{CUSTOM}", and nothing describes it.',
            instead="Write customEngine with at least port, speechPath, outputsPath, resources and times.",
        )
    if described and not chosen:
        yield Problem(
            key="customEngine",
            value=None,
            why=f'describes an engine, and engine is "{context.values["engine"]}".',
            instead=f"Write engine: {CUSTOM}, or take customEngine out.",
        )


def _model_is_named(context: Context) -> Iterator[Problem]:
    if context.values.get("engine") == VLLM_OMNI.name and context.values.get("args") == ():
        yield Problem(
            key="args",
            value=None,
            why=f"{VLLM_OMNI.name} serves whichever model it is told to, and it is told none.",
            instead=f'Write args: ["--model", "<owner>/<model>", "--port", "{VLLM_OMNI.port}"].',
        )


def _model_has_a_place(context: Context) -> Iterator[Problem]:
    values = context.values
    if values.get("engine") != VLLM_OMNI.name or not {"args", "inference", "weights_size"} <= values.keys():
        return
    offline = values["inference"].get("HF_HUB_OFFLINE") == "1"
    model = _option("--model", values["args"])
    if values["weights_size"] is None and model is not None and not model.startswith("/") and not offline:
        yield Problem(
            key="weightsSize",
            value=None,
            why=f"is not set, and {model} would have to be downloaded at every start of every pod.",
            instead="Write weightsSize: 50Gi; or, with the model in the image, its path (/models/...) after --model, "
            'or inference HF_HUB_OFFLINE: "1".',
        )


def _option(name: str, arguments: tuple[str, ...]) -> str | None:
    """The value of a command's option; None without it."""
    for argument, following in pairwise((*arguments, None)):
        if argument == name:
            return following
        if argument is not None and argument.startswith(f"{name}="):
            return argument.removeprefix(f"{name}=")
    return None


def _requests_fit_limits(context: Context) -> Iterator[Problem]:
    engine = context.engine
    if engine is None:
        return
    for resource in ("cpu", "memory"):
        request_field, limit_field = f"{resource}_request", f"{resource}_limit"
        if request_field not in context.values or limit_field not in context.values:
            continue
        request = context.values[request_field] or getattr(engine.resources, request_field)
        limit = context.values[limit_field] or getattr(engine.resources, limit_field)
        if request is None or limit is None:
            continue
        requested, limited = amount(request), amount(limit)
        if requested is not None and limited is not None and requested > limited:
            yield Problem(
                key=f"{resource}Request",
                value=request,
                why=f"is above the limit of {limit}, and no node admits such a pod.",
                instead=f"Write at most {limit}, or raise {resource}Limit.",
            )


def _volumes_carry_the_pods(context: Context) -> Iterator[Problem]:
    if context.values.get("access_mode") is not AccessMode.READ_WRITE_ONCE or context.profile.one_gpu_node:
        return
    replicas = context.values.get("replicas", 1)
    if replicas > 1:
        yield Problem(
            key="replicas",
            value=replicas,
            why="pods on several nodes cannot mount one ReadWriteOnce volume: all but the first would wait for ever.",
            instead="Write replicas: 1, or accessMode: ReadWriteMany.",
        )
    if context.values.get("rollout") is Rollout.SURGE:
        yield Problem(
            key="rollout",
            value=Rollout.SURGE.value,
            why="with a ReadWriteOnce volume cannot finish: the new pod waits for a volume that the old one holds.",
            instead="Write rollout: in-place, or accessMode: ReadWriteMany.",
        )


def _weights_have_a_place(context: Context) -> Iterator[Problem]:
    engine, size = context.engine, context.values.get("weights_size")
    # A volume that is there stays: another engine's weights may be wanted again.
    if WEIGHTS_CLAIM in context.existing:
        return
    if engine is not None and engine.weights_path is None and size is not None:
        yield Problem(
            key="weightsSize",
            value=size,
            why=f"is for a volume that {engine.name} would never look at: its weights are in its image.",
            instead="Take weightsSize out.",
        )


def _edge_is_known(context: Context) -> Iterator[Problem]:
    if context.values.get("exposure") is Exposure.HOST_NETWORK and context.values.get("edge_cidrs") == ():
        yield Problem(
            key="edgeCidrs",
            value=None,
            why="exposure is host_network: Envoy has its node's address, and the NetworkPolicy has to name it.",
            instead="Write the networks of the edge nodes ([10.0.16.0/20]), or exposure: host_port.",
        )


def _cert_manager_is_pinned(context: Context) -> Iterator[Problem]:
    version = context.values.get("cert_manager_version")
    if version is not None and version not in CERT_MANAGERS:
        yield Problem(
            key="certManagerVersion",
            value=version,
            why="is not a version that is pinned here.",
            instead=f"Write one of {', '.join(CERT_MANAGERS)}; stacks/versions.py says what each is for.",
        )


_LOCAL_NAMES = ("localhost", "local", "test", "internal", "invalid")


def _issuer_can_sign(context: Context) -> Iterator[Problem]:
    issuer, values = context.values.get("issuer"), context.values
    if issuer is None:
        return
    if issuer is not Issuer.IN_CLUSTER_CA and "acme_email" in values and values["acme_email"] is None:
        yield Problem(
            key="acmeEmail",
            value=None,
            why=f"issuer {issuer.value} wants an address for warnings about the certificate.",
            instead="Write acmeEmail, or issuer: in-cluster-ca.",
        )
    if issuer is Issuer.ACME and "acme_server" in values and values["acme_server"] is None:
        yield Problem(
            key="acmeServer",
            value=None,
            why="issuer acme is some ACME server, and none is named.",
            instead="Write the URL of its directory, or issuer: letsencrypt.",
        )
    for field, key in (("acme_server", "acmeServer"), ("acme_ca", "acmeCa")):
        if issuer is not Issuer.ACME and values.get(field) is not None:
            yield Problem(
                key=key,
                value=values[field],
                why=f"is never asked when issuer is {issuer.value}.",
                instead=f"Write issuer: acme, or take {key} out.",
            )
    domain = values.get("domain", "")
    if (
        issuer in (Issuer.LETSENCRYPT, Issuer.LETSENCRYPT_STAGING)
        and domain.rpartition(".")[2] in _LOCAL_NAMES
    ):
        yield Problem(
            key="domain",
            value=domain,
            why="is a name that Let's Encrypt cannot look up, so it never signs for it.",
            instead="Write a public domain, or issuer: in-cluster-ca.",
        )


CHECKS: tuple[Check, ...] = (
    _engine_is_known,
    _custom_engine_is_described,
    _model_is_named,
    _model_has_a_place,
    _requests_fit_limits,
    _volumes_carry_the_pods,
    _weights_have_a_place,
    _edge_is_known,
    _cert_manager_is_pinned,
    _issuer_can_sign,
)
