"""The real cluster that stands behind the account's EKS cluster."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class RealCluster:
    """Where it is reached, and as whom."""

    server: str
    authority: bytes
    """Of its certificates, in PEM."""

    certificate: bytes
    key: bytes


def read(path: str) -> RealCluster:
    """The current context of a kubeconfig, with the files that it names."""
    document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    contexts = {item["name"]: item["context"] for item in document["contexts"]}
    context = contexts[document["current-context"]]
    (cluster,) = [item["cluster"] for item in document["clusters"] if item["name"] == context["cluster"]]
    (user,) = [item["user"] for item in document["users"] if item["name"] == context["user"]]

    def data(owner: dict[str, Any], name: str) -> bytes:
        if f"{name}-data" in owner:
            return base64.b64decode(owner[f"{name}-data"])
        return (Path(path).parent / str(owner[name])).read_bytes()

    return RealCluster(
        server=cluster["server"],
        authority=data(cluster, "certificate-authority"),
        certificate=data(user, "client-certificate"),
        key=data(user, "client-key"),
    )
