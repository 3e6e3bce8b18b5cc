"""What an ephemeral stack says of itself. Every field is a config key of its own."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from stacks.problems import Refusal
from stacks.values import Text


def moment(text: object) -> datetime:
    """A time in UTC, to the second, as RFC 3339 writes it."""
    if isinstance(text, datetime):
        return text
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(text)):
            raise ValueError
        return datetime.fromisoformat(str(text))
    except ValueError:
        raise Refusal("is not a time in UTC.", "Write it as 2026-01-31T18:00:00Z.") from None


def moment_text(time: datetime) -> str:
    """The same, as it is written."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class EphemeralSettings(BaseModel):
    """The keys that mean something in an ephemeral stack only. `ops ephemeral up` writes them."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    platform: Text
    expires: Annotated[datetime, BeforeValidator(moment)]
    state_id: Text
