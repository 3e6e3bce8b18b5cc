"""Production's settings as the tests of settings start from them, and what is wrong with changed ones."""

from collections.abc import Collection, Mapping
from typing import Any

from stacks.load import load
from stacks.problems import Problem, SettingsError
from stacks.settings import ExistingClaim

PROD: Mapping[str, Any] = {
    "domain": "tts.example.com",
    "engine": "cosyvoice",
    "image": "registry.example.com/speech/cosyvoice:1.4.2",
    "replicas": "2",
    "gpusPerPod": "1",
    "outputsSize": "200Gi",
    "httpsPort": "443",
    "namespace": "tts",
    "acmeEmail": "platform@example.com",
    "delivery": "direct",
}


def problems(
    values: Mapping[str, Any],
    stack: str = "prod",
    existing: Mapping[str, ExistingClaim] | None = None,
    secret: Collection[str] = (),
) -> dict[str, Problem]:
    """What is refused of a stack's values, by key."""
    try:
        load(stack, values, existing or {}, secret)
    except SettingsError as error:
        return {problem.key: problem for problem in error.problems}
    return {}
