"""What can be set from the environment, one variable per field (`PORT`, `OUTPUTS_DIR`, ...)."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The server's settings."""

    model_config = SettingsConfigDict(frozen=True)

    host: str = "0.0.0.0"  # noqa: S104 - a pod is reached from outside of it
    """Address to listen on."""
    port: int = Field(default=8091, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    outputs_dir: Path = Path("/outputs")
    """Where each utterance is kept as a WAV file."""
    model_name: str = Field(default="espeak-ng", min_length=1)
    """The only `model` a request may name."""
    default_voice: str = "en-us"
    """The voice of a request that names none."""
    max_streams: int = Field(default=4, ge=1)
    """espeak-ng processes at a time; further requests wait their turn."""
    max_queue: int = Field(default=64, ge=0)
    """Requests that may wait; further ones get 503."""
    max_input_chars: int = Field(default=4096, ge=1)
    """Longest text of one utterance (4096 is OpenAI's limit too)."""
    max_audio_seconds: float = Field(default=900, gt=0)
    """Longest audio of one utterance; bounds the memory that one request can take."""
    stall_seconds: float = Field(default=30, gt=0)
    """A client that takes no audio, or an espeak-ng that makes none, for this long is given up."""
    ws_config_seconds: float = Field(default=10, gt=0)
    """How long a new WebSocket may take to send its session.config."""
    ws_idle_seconds: float = Field(default=30, gt=0)
    """How long a configured WebSocket may stay silent."""
    drain_seconds: float = Field(default=30, ge=0)
    """After SIGTERM, how long utterances in flight may take to finish."""
