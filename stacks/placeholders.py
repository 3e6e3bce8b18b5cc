"""The committed stacks' placeholders: fine to preview, and nothing to build a cluster with."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from stacks.problems import Problem
from stacks.settings import Stack

_RESERVED = ("example.com", "example.net", "example.org")
"""https://www.rfc-editor.org/rfc/rfc2606"""

_DOCUMENTATION = tuple(map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))
"""https://www.rfc-editor.org/rfc/rfc5737"""


def placeholders(stack: Stack) -> Iterator[Problem]:
    """What is nobody's: names and networks that are reserved for examples."""
    settings = stack.settings
    repository = stack.gitops.git_repository if stack.gitops else ""
    for key, value, host in (
        ("domain", settings.domain, settings.domain),
        ("image", settings.image, settings.image.partition("/")[0]),
        ("gitRepository", repository, urlsplit(repository).hostname or ""),
        ("acmeEmail", settings.acme_email, (settings.acme_email or "").rpartition("@")[2]),
    ):
        if any(host == name or host.endswith(f".{name}") for name in _RESERVED):
            yield Problem(
                key=key,
                value=value,
                why="is a placeholder: the name is reserved for examples.",
                instead="Write your own.",
            )
    for cidr in stack.aws.api_cidrs if stack.aws else ():
        if ipaddress.ip_network(cidr) in _DOCUMENTATION:
            yield Problem(
                key="apiCidrs",
                value=cidr,
                why="is a placeholder: the network is reserved for examples, and nobody is in it.",
                instead="Write the networks that you work from.",
            )
