"""An engine of one's own, described in config instead of in a profile."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from components.tts.engine import Egress, Engine, Resources
from stacks.engines import CUSTOM
from stacks.problems import Refusal
from stacks.values import Cidr, Cpu, Memory, Port, StorageSize, Text, Variable, Whole


def _absolute(text: str) -> str:
    if not text.startswith("/"):
        raise Refusal("is not an absolute path.", "Write a path that begins with / .")
    return text


Absolute = Annotated[str, AfterValidator(_absolute)]


class CustomEgress(BaseModel):
    """One destination that the engine may open connections to."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    reason: str
    cidr: Cidr
    port: Port


class CustomEngine(BaseModel):
    """The keys of `customEngine`."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    port: Port
    health_path: Absolute | None = None
    liveness_path: Absolute | None = None
    speech_path: Absolute
    stream_paths: tuple[Absolute, ...] = ()
    command: tuple[Text, ...] = ()
    environment: dict[Variable, Text] = Field(default_factory=dict)
    outputs_path: Absolute
    weights_path: Absolute | None = None
    user: Whole | None = None
    root_reason: str = ""
    read_only_root: bool = False
    shared_memory: StorageSize | None = None
    cpu_request: Cpu
    cpu_limit: Cpu | None = None
    memory_request: Memory
    memory_limit: Memory
    gpu_memory_gib: Whole | None = Field(default=None, alias="gpuMemoryGiB")
    pull_seconds: Whole
    startup_seconds: Whole
    synthesis_seconds: Whole
    egress: tuple[CustomEgress, ...] = ()

    @model_validator(mode="after")
    def _root_has_a_reason(self) -> "CustomEngine":
        if self.user is None and not self.root_reason:
            raise Refusal(
                "runs as root and does not say why.", "Write user: 10001 (any uid), or a rootReason."
            )
        return self

    def profile(self) -> Engine:
        """The same as a profile."""
        return Engine(
            name=CUSTOM,
            source="tts-platform:customEngine",
            port=self.port,
            health_path=self.health_path,
            liveness_path=self.liveness_path,
            speech_path=self.speech_path,
            stream_paths=self.stream_paths,
            command=self.command,
            environment=self.environment,
            outputs_path=self.outputs_path,
            weights_path=self.weights_path,
            user=self.user,
            root_reason=self.root_reason,
            read_only_root=self.read_only_root,
            shared_memory=self.shared_memory,
            resources=Resources(
                cpu_request=self.cpu_request,
                cpu_limit=self.cpu_limit,
                memory_request=self.memory_request,
                memory_limit=self.memory_limit,
            ),
            gpu_memory_gib=self.gpu_memory_gib,
            pull_seconds=self.pull_seconds,
            startup_seconds=self.startup_seconds,
            synthesis_seconds=self.synthesis_seconds,
            egress=tuple(Egress(reason=item.reason, cidr=item.cidr, port=item.port) for item in self.egress),
        )
