"""Buckets, whose settings are resources of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policy.model import Resource, is_known


def unserved(resources: Sequence[Resource], setting: str) -> Iterator[Resource]:
    """The buckets without a setting of this kind."""
    settings = [item for item in resources if item.kind.startswith(setting)]
    for bucket in resources:
        if bucket.kind in ("Bucket", "BucketV2") and not any(_is_for(item, bucket) for item in settings):
            yield bucket


def _is_for(setting: Resource, bucket: Resource) -> bool:
    name = bucket.properties.get("bucket")
    of_setting = setting.properties.get("bucket")
    if is_known(name) and is_known(of_setting) and name:
        return bool(name == of_setting)
    return bucket.urn in setting.dependencies
