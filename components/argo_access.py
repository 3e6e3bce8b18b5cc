"""Who may sign in to Argo CD, and what they may do there.

Who has signed in may look; nobody else may even look. A deployer may sync the speech service's application, and nothing
else: what is to run is said in git, by a commit.
https://argo-cd.readthedocs.io/en/release-3.2/operator-manual/rbac/
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import yaml

from components.delivery import PROJECT

DEPLOYER_ACCOUNT: Final = "deployer"
"""A local account with tokens and no password. It is there only where people cannot sign in by OIDC."""

OIDC_SECRET_KEY: Final = "oidc.clientSecret"  # noqa: S105 - a name, not a secret
"""Where argocd-secret keeps the client's secret."""

_DEPLOYER_ROLE: Final = "role:deployer"

# A rollback is a sync to an earlier revision, and asks for no more. While an application syncs by itself, as ours does,
# Argo CD refuses it to everybody: the way back is a commit.
_DEPLOYER_ACTIONS: Final = ("get", "sync")


@dataclass(frozen=True, kw_only=True)
class OidcSignIn:
    """An OpenID Connect provider that Argo CD asks directly, without dex in between."""

    issuer: str
    """Its URL."""

    client_id: str
    client_secret: pulumi.Input[str]
    scopes: tuple[str, ...] = ("openid", "profile", "email", "groups")
    """What is asked for. Without `groups`, nobody is known to be a deployer."""


def sign_in(oidc: OidcSignIn | None, *, admin: bool) -> dict[str, str]:
    """The keys of argocd-cm that say who may sign in."""
    keys = {"admin.enabled": str(admin).lower(), "users.anonymous.enabled": "false"}
    if oidc is None:
        return {**keys, f"accounts.{DEPLOYER_ACCOUNT}": "apiKey"}
    configuration = {
        "name": "OIDC",
        "issuer": oidc.issuer,
        "clientID": oidc.client_id,
        # Looked up in argocd-secret: whoever may read this ConfigMap may not read that.
        "clientSecret": f"${OIDC_SECRET_KEY}",
        "requestedScopes": list(oidc.scopes),
    }
    return {**keys, "oidc.config": yaml.safe_dump(configuration, sort_keys=False)}


def policy(oidc: OidcSignIn | None, deployers: Sequence[str]) -> dict[str, str]:
    """The keys of argocd-rbac-cm."""
    rules = [
        ["p", _DEPLOYER_ROLE, "applications", action, f"{PROJECT}/*", "allow"] for action in _DEPLOYER_ACTIONS
    ]
    subjects = [DEPLOYER_ACCOUNT] if oidc is None else deployers
    return {
        "policy.default": "role:readonly",
        "policy.csv": _csv([*rules, *(["g", subject, _DEPLOYER_ROLE] for subject in subjects)]),
    }


def _csv(rows: Sequence[Sequence[str]]) -> str:
    # A comma in a group's name would otherwise end it, and what follows would be a role. Argo CD reads line by line, so
    # that a line's end cannot even be quoted.
    if any(len(field.splitlines()) != 1 for row in rows for field in row):
        raise ValueError("a deployers' group is one line of text.")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
