"""What a stack says of its delivery from git. Every field is a config key of its own."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from stacks.gitops_values import OidcIssuer, PollSeconds, Repository, Revision, Secret
from stacks.values import Domain, Flag, Text


class GitOpsSettings(BaseModel):
    """The keys that mean something with `delivery: gitops` only. Pulumi.yaml says what each is for."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    git_repository: Repository
    git_revision: Revision
    git_token: Secret | None = None
    git_ssh_key: Secret | None = None
    git_poll_seconds: PollSeconds
    webhook_secret: Secret | None = None
    argo_cd_domain: Domain | None = None
    argo_cd_ha: Flag = False
    argo_cd_notifications: Flag = False
    oidc_issuer: OidcIssuer | None = None
    oidc_client_id: Text | None = None
    oidc_client_secret: Secret | None = None
    deployers: tuple[Text, ...] = ()


SECRETS = frozenset({"gitToken", "gitSshKey", "webhookSecret", "oidcClientSecret"})
"""The keys that are encrypted in the stack's file, and secret in its state."""
