"""What an ephemeral stack's namespace is given beside the service: whose it is, and the most that it may take."""

from components.tts.quota import QuotaArgs
from components.tts.snapshot_job.quantity import amount
from stacks.ephemeral_profile import STATE_ID
from stacks.ephemeral_settings import EphemeralSettings
from stacks.settings import Stack

_SOLVER_MEMORY = 128 * 1024**2
"""For the pod that answers an ACME challenge, which cert-manager gives 64 MiB at most."""


def quota(stack: Stack) -> QuotaArgs:
    """What the service takes and no more: a second pod of it comes only when the first has gone."""
    settings = stack.settings
    resources = stack.engine.resources
    memory = _bytes(resources.memory_limit or resources.memory_request)
    volumes = [size for size in (settings.outputs_size, settings.weights_size) if size]
    return QuotaArgs(
        gpus=settings.replicas * settings.gpus_per_pod,
        memory=str(settings.replicas * memory + _SOLVER_MEMORY),
        storage=str(sum(map(_bytes, volumes))),
        claims=len(volumes),
        pods=settings.replicas + 1,
    )


def claimed(ephemeral: EphemeralSettings) -> dict[str, str]:
    """The labels that say whose the namespace is."""
    return {STATE_ID: ephemeral.state_id, "tts-platform/platform": ephemeral.platform}


def _bytes(quantity: str | None) -> int:
    return int(amount(quantity or "0") or 0)
