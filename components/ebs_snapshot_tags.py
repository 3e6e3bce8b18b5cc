"""Tags of the EBS snapshots that the CSI driver takes, as its VolumeSnapshotClass has to name them.

The driver gives a snapshot none of its volume's tags, and the provider's default tags never reach what a driver makes:
without these nobody knows whose a snapshot on the bill is.

- Any parameter of the class that begins with `tagSpecification` is one tag, `key=value`, and what comes after the first
  `=` is a template of Go's: https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/tagging.md
- What may be in a tag: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
"""

from collections.abc import Mapping


def ebs_snapshot_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a VolumeSnapshotClass of `ebs.csi.aws.com` whose snapshots carry `tags`.

    Refuses what the driver would read otherwise than it was meant: it takes no snapshot at all then.
    """
    for key, value in tags.items():
        if not key or "=" in key or "{{" in key + value:
            raise ValueError(f"{key}={value}: the EBS driver would read another tag than this one")
    return {f"tagSpecification_{number}": f"{key}={tags[key]}" for number, key in enumerate(sorted(tags), 1)}
