"""What Argo CD is told in confidence: how to read git, and by what it knows who speaks to it.

Each value is a Pulumi secret: encrypted in the state, and never printed.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.argo_access import OIDC_SECRET_KEY, OidcSignIn
from components.delivery import PROJECT
from components.upstream.objects import KubernetesObject

_WEBHOOK_KEYS: Final = (
    "webhook.github.secret",
    "webhook.gitlab.secret",
    "webhook.gogs.secret",
    "webhook.bitbucket.uuid",
    "webhook.bitbucketserver.secret",
    "webhook.azuredevops.password",
)
"""Of every forge whose webhooks Argo CD takes. It asks for no secret where it has none: with one forge's set and
another's not, whoever claims to be the other is let in."""

_AZURE_DEVOPS_USER: Final = "argocd"
"""Azure DevOps sends a name and a password. The password is the secret."""


@dataclass(frozen=True, kw_only=True)
class GitCredential:
    """How to read a repository that is not public: a token by HTTPS, or a private key by SSH."""

    url: str
    """Exactly as the Application names it: this is how Argo CD finds the credential."""

    token: pulumi.Input[str] | None = None
    ssh_key: pulumi.Input[str] | None = None
    """PEM or OpenSSH, without a passphrase."""

    username: str = "git"
    """Goes with the token. Most forges take any name; Bitbucket wants `x-token-auth`."""

    def __post_init__(self) -> None:
        if (self.token is None) == (self.ssh_key is None):
            raise ValueError(f"{self.url} is read with a token or with a key: write one of the two.")


def repository_secret(namespace: str, credential: GitCredential) -> KubernetesObject:
    """The Secret in which Argo CD finds the credential. Only applications of our project may use it."""
    plain = {"type": "git", "url": credential.url, "project": PROJECT}
    secret: dict[str, pulumi.Input[str]] = {}
    if credential.token is not None:
        plain["username"], secret["password"] = credential.username, credential.token
    if credential.ssh_key is not None:
        secret["sshPrivateKey"] = credential.ssh_key
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "argocd-repository",
            "namespace": namespace,
            "labels": {"argocd.argoproj.io/secret-type": "repository"},
        },
        "type": "Opaque",
        "data": _encoded({**plain, **secret}),
    }


def server_secrets(
    oidc: OidcSignIn | None, webhook_secret: pulumi.Input[str] | None
) -> pulumi.Output[dict[str, str]] | None:
    """What we keep in argocd-secret; None where we keep nothing there.

    The server keeps its own keys there too, and makes them at its first start: the one that it signs sessions with,
    and the admin's password. A server-side apply owns the keys that it was given, and leaves those alone.
    """
    values: dict[str, pulumi.Input[str]] = {}
    if oidc is not None:
        values[OIDC_SECRET_KEY] = oidc.client_secret
    if webhook_secret is not None:
        values |= dict.fromkeys(_WEBHOOK_KEYS, webhook_secret)
        values["webhook.azuredevops.username"] = _AZURE_DEVOPS_USER
    return _encoded(values) if values else None


def _encoded(values: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[dict[str, str]]:
    # `data` and not `stringData`, which the API server folds into `data` and never shows again.
    def encode(plain: Mapping[str, Any]) -> dict[str, str]:
        return {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}

    return pulumi.Output.secret(pulumi.Output.all(**values).apply(encode))
