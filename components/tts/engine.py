"""What a speech engine's image needs to run: the contract between the image and the service around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Kubernetes quantities. None is no limit, or no request."""

    cpu_request: str | None
    memory_request: str | None
    memory_limit: str | None
    cpu_limit: str | None = None


@dataclass(frozen=True, kw_only=True)
class Egress:
    """A destination outside the cluster that the engine may open connections to."""

    reason: str
    cidr: str
    excluded: tuple[str, ...] = ()
    port: int


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One engine."""

    name: str
    source: str
    """Where the figures below come from."""

    port: int
    health_path: str | None
    """Answers 200 once the model is loaded. None: the engine has no such path, and an open port has to do."""

    liveness_path: str | None = None
    """Answers as long as the process can, also while it is busy or drains. None: the engine has no such path, and only
    a port that nobody listens on is worth a restart."""

    speech_path: str
    """Where a text is sent to."""

    stream_paths: tuple[str, ...] = ()
    """Path prefixes that speak WebSocket."""

    command: tuple[str, ...] = ()
    """Instead of the image's entrypoint."""

    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    outputs_path: str
    weights_path: str | None
    """Where it looks for its weights. None: they are in the image, and nothing may be mounted there."""

    user: int | None
    """The uid and gid it runs as. None: only as the root of its image, for the reason below."""

    root_reason: str = ""
    read_only_root: bool
    shared_memory: str | None = None
    """Size of /dev/shm; None is the container runtime's 64 MiB."""

    resources: Resources
    gpu_memory_gib: int | None
    """Peak on one GPU; None where nobody has published a figure. An output of the stack, for who chooses the GPUs."""

    pull_seconds: int
    """How long the image may take to arrive on a new node."""

    startup_seconds: int
    """How long the model may take to load."""

    synthesis_seconds: int
    """The longest synthesis that a stopping pod is given the time to finish."""

    egress: tuple[Egress, ...] = ()
    """What it always needs."""

    weights_egress: tuple[Egress, ...] = ()
    """What it needs besides to fill a volume at `weights_path`; without that volume its weights are in its image."""
