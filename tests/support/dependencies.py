"""What each resource that a recorded program registers comes after."""

from typing import Any

import pytest
from pulumi.runtime.mocks import MockMonitor


def noted(patch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Filled while a program is recorded: by name, the URNs of what it depends on, by its inputs too."""
    found: dict[str, list[str]] = {}
    register = MockMonitor.RegisterResource

    def note(monitor: MockMonitor, request: Any) -> Any:
        found[request.name] = list(request.dependencies)
        return register(monitor, request)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped

    patch.setattr(MockMonitor, "RegisterResource", note)
    return found
