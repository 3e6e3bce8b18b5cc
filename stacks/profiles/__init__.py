"""One profile per environment: its shape, and the defaults of the keys that depend on it."""

from types import MappingProxyType
from typing import Final

from stacks.profiles.dev import DEV
from stacks.profiles.local import LOCAL
from stacks.profiles.prod import PROD

PROFILES: Final = MappingProxyType({"local": LOCAL, "dev": DEV, "prod": PROD})
"""By the name of the stack."""
