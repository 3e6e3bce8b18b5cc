"""One JSON object per line on stdout. The text of an utterance never goes into a log."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

logger = logging.getLogger("espeak_server")


class JsonLines(logging.Formatter):
    """A record and its fields as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log(
    level: int,
    event: str,
    /,
    *,
    failure: BaseException | None = None,
    fields: Mapping[str, object] | None = None,
    **more: object,
) -> None:
    """Write one line: what happened, and its facts as fields."""
    exc_info = (type(failure), failure, failure.__traceback__) if failure else None
    logger.log(level, event, extra={"fields": {**(fields or {}), **more}}, exc_info=exc_info)


def configure() -> None:
    """Send every log of the process, uvicorn's warnings too, to stdout as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logger.setLevel(logging.INFO)
