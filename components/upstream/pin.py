"""What is pinned of an upstream."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """A file or a directory in the tree of a git tag."""

    repository: str
    """`owner/name` on GitHub."""

    tag: str

    path: str
    """The file or directory that is used; nothing beside it is kept."""

    sha256: str
    """Of the tree, see `source.tree_sha256`."""
