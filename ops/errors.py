"""Problems that a person can do something about."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any


class OpsError(Exception):
    """One line that says what is wrong and what to do. Shown without a traceback."""


def said(error: BaseException) -> str:
    """What an API server's refusal says, or another error, in one line without its full stop."""
    body: Any = getattr(error, "body", None)
    text = getattr(error, "reason", None) or str(error)
    with suppress(ValueError, KeyError, TypeError):
        text = json.loads(body)["message"]
    return " ".join(str(text).split())[:300].rstrip(".")


def said_by_engine(error: BaseException) -> str:
    """What Pulumi says of a command that failed, without what it was called with."""
    lines = [line.strip() for line in str(error).splitlines()]
    errors = [line for line in lines if line.startswith("error:")]
    return " ".join((errors or lines[-3:])[:3])[:600]
