"""What runs: the image, its settings, and the claims that the speech pods have mounted."""

from dataclasses import dataclass
from datetime import UTC, datetime

from components.tts.snapshot_job.api import Api
from components.tts.snapshot_job.names import ENGINE, SETTINGS, VOLUME_NAMES, Object

CONTAINER = "speech"


@dataclass(frozen=True, kw_only=True)
class Running:
    """The speech service as it is now."""

    engine: str | None
    """As the Deployment has it; None where it does not say."""

    image: str
    image_id: str
    settings: str
    images: frozenset[str]
    """Of all pods that count: the ready ones, or all where none is ready."""

    since: datetime
    """When the newest of those pods came: another version may have written until then."""

    claims: dict[str, str]
    """By volume, of those that hold data."""

    unbound: tuple[str, ...]
    """The claims among them that have no volume yet."""


def running(api: Api, deployment: str) -> Running | None:
    """None where there is no such Deployment."""
    found = api.deployment(deployment)
    if found is None:
        return None
    spec = found["spec"]
    template = spec["template"]
    pods = _that_count(api.pods(spec["selector"]["matchLabels"]))
    # Without any pod, what would run is all that is known.
    newest = pods[-1] if pods else template
    claims = _claims(template["spec"])
    bound = {
        item["metadata"]["name"]
        for item in api.claims()
        if (item.get("status") or {}).get("phase") == "Bound"
    }
    return Running(
        engine=_annotations(found).get(ENGINE),
        image=_image(newest),
        image_id=_image_id(newest),
        settings=_annotations(newest).get(SETTINGS, ""),
        images=frozenset(map(_image, pods or [template])),
        since=_created(newest),
        claims=claims,
        unbound=tuple(claim for claim in claims.values() if claim not in bound),
    )


def _created(pod: Object) -> datetime:
    created = (pod.get("metadata") or {}).get("creationTimestamp")
    return datetime.fromisoformat(created) if created else datetime.min.replace(tzinfo=UTC)


def _that_count(pods: list[Object]) -> list[Object]:
    """The ready ones, or all where none is; the newest last."""
    ordered = sorted(pods, key=lambda pod: pod["metadata"].get("creationTimestamp") or "")
    alive = [pod for pod in ordered if "deletionTimestamp" not in pod["metadata"]]
    return [pod for pod in alive if _is_ready(pod)] or alive


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _claims(pod: Object) -> dict[str, str]:
    mounted = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in pod.get("volumes") or []
        if "persistentVolumeClaim" in volume
    }
    return {name: mounted[name] for name in VOLUME_NAMES if name in mounted}


def _image(pod: Object) -> str:
    return next((item["image"] for item in pod["spec"]["containers"] if item["name"] == CONTAINER), "")


def _image_id(pod: Object) -> str:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return next((item.get("imageID") or "" for item in statuses if item["name"] == CONTAINER), "")


def _annotations(item: Object) -> dict[str, str]:
    return (item.get("metadata") or {}).get("annotations") or {}
