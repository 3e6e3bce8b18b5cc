"""The real engine, or the reason why it is not there."""

import os
import shutil
from pathlib import Path

import pytest

from tests.support.project import Project

_TOOLS = ("pulumi", "pulumi-language-python", "pulumi-resource-kubernetes")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        reason = f"not on PATH: {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return Project(tmp_path)
