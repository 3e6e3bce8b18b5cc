"""The requests, as OpenAI's speech API and vLLM-Omni's extension of it shape them.

Unknown fields are ignored, as vLLM-Omni ignores them: a client of a GPU engine sends `language` or
`instructions` and must still be spoken to.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _one_if_null(value: Any) -> Any:
    return 1.0 if value is None else value


def _id_of_voice(value: Any) -> Any:
    """OpenAI lets a voice be `{"id": "..."}` too."""
    return value["id"] if isinstance(value, dict) and "id" in value else value


class SpeechOptions(BaseModel):
    """What a request and a WebSocket's session have in common."""

    model_config = ConfigDict(frozen=True)

    model: str | None = None
    voice: Annotated[str | None, BeforeValidator(_id_of_voice)] = Field(
        default=None, validation_alias=AliasChoices("voice", "speaker")
    )
    response_format: Literal["wav", "pcm"] = "wav"
    speed: Annotated[float, BeforeValidator(_one_if_null)] = Field(
        default=1.0, ge=0.25, le=4.0, allow_inf_nan=False
    )


class SpeechRequest(SpeechOptions):
    """The body of `POST /v1/audio/speech`."""

    input: str
    stream: bool = False
    stream_format: Literal["audio", "sse"] | None = None

    @model_validator(mode="after")
    def _no_events(self) -> Self:
        if self.stream_format == "sse":
            raise ValueError('stream_format "sse" is not served here; leave it out or write "audio"')
        return self

    @property
    def streams(self) -> bool:
        """Whether the audio is to be sent as it is made."""
        return self.stream or self.stream_format == "audio"


class SessionConfig(SpeechOptions):
    """The `session.config` message of the WebSocket."""

    stream_audio: bool = False
    split_granularity: Literal["none", "sentence", "clause"] = "none"
    word_timestamps: Literal[False] = False

    @model_validator(mode="after")
    def _chunks_are_pcm(self) -> Self:
        if self.stream_audio and self.response_format != "pcm":
            raise ValueError('stream_audio needs response_format "pcm"')
        return self
