"""What Pulumi's engine is told where a stack's state is in files of this machine, as that of `make up` is.

Of itself the engine writes down every step that it takes, in ~/.pulumi/logs, which is most of an update's time, and
looks for the provider of AWS, which is a requirement of every stack here: docs/decisions/0013.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

LOCAL: Final = "local"
"""The stack that `make up` makes: it is found by the name of its cluster, not in the backend of a login."""

_KUBERNETES: Final = "pulumi-resource-kubernetes"
_AWS: Final = "pulumi-resource-aws"


def environment(state: Path, *, aws: bool, path: str | None = None) -> dict[str, str]:
    """The engine's variables for a stack whose state is in the directory `state`.

    `aws` is whether it may have something in an account; `path` is PATH, if another one than this process's.

    With its providers on PATH it needs no home with downloads: it has one beside the state, without a log.
    """
    # Without a file of metadata beside each, which is not written at once: of a run that is killed at that, it would be
    # empty, and no stack in the directory could be read.
    told = {"PULUMI_BACKEND_URL": f"file://{state}?metadata=skip", "PULUMI_SKIP_UPDATE_CHECK": "true"}
    providers = [_KUBERNETES, _AWS] if aws else [_KUBERNETES]
    if not all(shutil.which(provider, path=path) for provider in providers):
        return told
    home = state.with_name("engine")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Where a directory cannot be made the engine goes on without a log; there is no setting for it.
    (home / "logs").touch()
    return {**told, "PULUMI_HOME": str(home), "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
