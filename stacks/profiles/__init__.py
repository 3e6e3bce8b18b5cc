"""One profile per environment: its shape, and the defaults of the keys that depend on it.

A file here is a stack of its name, with the `PROFILE` in it; Pulumi.<name>.yaml beside Pulumi.yaml is its settings.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Final

from stacks.profile import Profile

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {module.name: import_module(f"{__name__}.{module.name}").PROFILE for module in iter_modules(__path__)}
)
"""By the name of the stack."""
