"""The embedded cluster that a directory of tests is for, and the images that it needs beside a cluster's own."""

import os
from pathlib import Path
from typing import NoReturn

import pytest
from rich.console import Console

from local.cluster import layout, lifecycle, processes
from local.cluster.layout import Cluster


def started(name: str, how: str) -> Cluster:
    """The cluster of that name; the tests are left out where it does not run, but in CI they fail. `how` starts it."""
    found = layout.find(name)
    if found is None or processes.init(found) is None:
        missing(f"cluster {name} does not run: {how}")
    return found


def missing(reason: str) -> NoReturn:
    """Leaves the tests out, but in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def add_images(cluster: Cluster, *definitions: Path) -> None:
    """Loads the images of definition files, without a word."""
    for file in definitions:
        lifecycle.add_images(cluster, file, Console(quiet=True))
