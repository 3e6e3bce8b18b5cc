"""What an ephemeral stack may be called, how long it may live, and on whose platform."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from stacks.checks import Check, Context
from stacks.ephemeral_profile import LONGEST_LIFE, namespace_of
from stacks.problems import Problem
from stacks.profiles import PROFILES

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LONGEST_LABEL = 63
_LONGEST_DOMAIN = 253

_CLOCKS = timedelta(minutes=5)
"""By how much the clocks of two machines may differ."""


def name_problems(name: str, domain: str | None = None) -> Iterator[Problem]:
    """What is wrong with a name; with the platform's domain, also with both together."""
    room = _LONGEST_LABEL - len(namespace_of(""))
    if not _LABEL.fullmatch(name):
        yield Problem(
            key="(name)",
            value=name,
            why="is not a DNS label, and the host name begins with it.",
            instead="Write lower-case letters, digits and dashes, a letter or digit first and last (my-branch).",
        )
    elif len(name) > room:
        yield Problem(
            key="(name)",
            value=name,
            why=f"has {len(name)} characters, and its namespace has room for {room} of it.",
            instead=f"Write {room} or fewer.",
        )
    elif domain is not None and len(name) + 1 + len(domain) > _LONGEST_DOMAIN:
        yield Problem(
            key="(name)",
            value=name,
            why=f"makes a host name of more than {_LONGEST_DOMAIN} characters with {domain}.",
            instead="Write a shorter one.",
        )


def platform_problems(platform: str) -> Iterator[Problem]:
    """What is wrong with a stack whose platform is to be used."""
    profile = PROFILES.get(platform)
    there = " or ".join(name for name, profile in PROFILES.items() if not profile.protect)
    if profile is None:
        yield Problem(
            key="platform", value=platform, why="is no stack with a platform.", instead=f"Write {there}."
        )
    elif profile.protect:
        yield Problem(
            key="platform",
            value=platform,
            why="is production: an ephemeral stack would take its GPUs, and share its edge.",
            instead=f"Write {there}.",
        )


def _name_can_be_a_host(context: Context) -> Iterator[Problem]:
    namespace = context.values.get("namespace")
    if namespace is not None and namespace != namespace_of(context.ephemeral or ""):
        yield Problem(
            key="namespace",
            value=namespace,
            why="is not this stack's own.",
            instead=f"Write namespace: {namespace_of(context.ephemeral or '')}.",
        )
    yield from name_problems(context.ephemeral or "")


def _platform_is_no_production(context: Context) -> Iterator[Problem]:
    if "platform" in context.values:
        yield from platform_problems(context.values["platform"])


def _end_is_near(context: Context) -> Iterator[Problem]:
    expires: datetime | None = context.values.get("expires")
    if expires is not None and expires > datetime.now(UTC) + LONGEST_LIFE + _CLOCKS:
        yield Problem(
            key="expires",
            value=f"{expires:%Y-%m-%dT%H:%M:%SZ}",
            why="is more than a week away, and nobody remembers what a stack of last week is for.",
            instead="Write a time within a week; ops ephemeral extend prolongs it.",
        )


def _nothing_is_protected(context: Context) -> Iterator[Problem]:
    if context.values.get("deletion_protection"):
        yield Problem(
            key="deletionProtection",
            value="true",
            why="would keep an ephemeral stack for ever.",
            instead="Take it out.",
        )


EPHEMERAL_CHECKS: tuple[Check, ...] = (
    _name_can_be_a_host,
    _platform_is_no_production,
    _end_is_near,
    _nothing_is_protected,
)
