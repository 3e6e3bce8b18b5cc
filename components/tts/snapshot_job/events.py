"""What `kubectl describe cronjob snapshots` says of the last snapshots. Nothing fails because nobody hears.

The API server forgets events after an hour. What stays is the CronJob's `status.lastSuccessfulTime`.

It is said of the Job at hand too: Pulumi shows a Job's warnings while it waits for it.
"""

import contextlib
import uuid
from datetime import UTC, datetime
from typing import Final

from components.tts.snapshot_job.api import Api, Refused, Unreachable
from components.tts.snapshot_job.names import CRON_JOB, Object, time_text
from components.tts.snapshot_job.volume_snapshots import Place

_LONGEST_MESSAGE: Final = 1024
"""The API takes no more."""


def note(api: Api, place: Place, reason: str, message: str) -> None:
    """Something that went well."""
    _say(api, place, "Normal", reason, message)


def warn(api: Api, place: Place, reason: str, message: str) -> None:
    """Something that somebody has to look at."""
    _say(api, place, "Warning", reason, message)


def _say(api: Api, place: Place, kind: str, reason: str, message: str) -> None:
    with contextlib.suppress(Refused, Unreachable):
        about = {"Job": (place.job, place.job_uid)}
        cron_job = api.cron_job(CRON_JOB)
        # There is none yet when the service is made.
        if cron_job is not None:
            about["CronJob"] = (CRON_JOB, cron_job["metadata"]["uid"])
        for owner, (name, uid) in about.items():
            if uid:
                what = {"apiVersion": "batch/v1", "kind": owner, "name": name, "uid": uid}
                what["namespace"] = place.namespace
                api.create_event(_event(what, kind, reason, message))


def _event(about: Object, kind: str, reason: str, message: str) -> Object:
    now = time_text(datetime.now(UTC))
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{about['name']}.{uuid.uuid4().hex[:16]}", "namespace": about["namespace"]},
        "involvedObject": about,
        "type": kind,
        "reason": reason,
        "message": message[:_LONGEST_MESSAGE],
        "source": {"component": CRON_JOB},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
