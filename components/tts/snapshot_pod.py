"""The pods that take snapshots: our program in a stock Python image, with a token and nothing else.

Any image with Python 3.11 or newer will do. Nothing is built, and nothing is installed when a pod starts.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pulumi

NAME: Final = "snapshots"
"""Of their account, their program's ConfigMap and their container."""

LABELS: Final = {"app.kubernetes.io/name": NAME}

_FROM_LABELS: Final = {
    "JOB": "batch.kubernetes.io/job-name",
    "JOB_UID": "batch.kubernetes.io/controller-uid",
}
"""As Kubernetes labels a Job's pods."""

_PACKAGE: Final = "components.tts.snapshot_job"
_FILES: Final = Path(__file__).parent / "snapshot_job"
_HOME: Final = "/app"
_NOBODY: Final = 65534


def program() -> dict[str, str]:
    """The program's files, for the ConfigMap."""
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(_FILES.glob("*.py"))}


def pod_template(
    image: str, what: str, environment: Mapping[str, pulumi.Input[str]], annotations: Mapping[str, str]
) -> dict[str, Any]:
    """A pod that does one thing and ends. One that failed stays, and with it what it said."""
    return {
        "metadata": {
            "labels": LABELS,
            # A pod that is there has the program that it began with.
            "annotations": {"tts-platform/program": _checksum(program()), **annotations},
        },
        "spec": {
            "service_account_name": NAME,
            "automount_service_account_token": True,
            "enable_service_links": False,
            "restart_policy": "Never",
            "security_context": {
                "run_as_non_root": True,
                "run_as_user": _NOBODY,
                "run_as_group": _NOBODY,
                "seccomp_profile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(image, what, environment)],
            "volumes": [{"name": "program", "config_map": {"name": NAME}}],
        },
    }


def _container(image: str, what: str, environment: Mapping[str, pulumi.Input[str]]) -> dict[str, Any]:
    variables = {**environment, "PYTHONPATH": _HOME, "PYTHONDONTWRITEBYTECODE": "1"}
    return {
        "name": NAME,
        "image": image,
        "image_pull_policy": "IfNotPresent",
        "command": ["python3", "-m", _PACKAGE],
        "args": [what],
        "env": [
            *({"name": key, "value": value} for key, value in variables.items()),
            *(
                {"name": key, "value_from": {"field_ref": {"field_path": f"metadata.labels['{label}']"}}}
                for key, label in _FROM_LABELS.items()
            ),
        ],
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"cpu": "500m", "memory": "128Mi"},
        },
        "security_context": {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volume_mounts": [
            {"name": "program", "mount_path": f"{_HOME}/{_PACKAGE.replace('.', '/')}", "read_only": True}
        ],
    }


def _checksum(files: Mapping[str, str]) -> str:
    text = "".join(f"{name}\0{content}\0" for name, content in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()
