"""What settings of a delivery from git cannot say together."""

from collections.abc import Iterator

from stacks.checks import Check, Context
from stacks.problems import Problem


def _credential_suits_the_url(context: Context) -> Iterator[Problem]:
    url, values = context.values.get("git_repository"), context.values
    if url is None:
        return
    web = url.startswith(("https://", "http://"))
    if web and values.get("git_ssh_key") is not None:
        yield Problem(
            key="gitSshKey",
            value=None,
            why="is set, and gitRepository is reached by HTTPS, which takes a token.",
            instead="Take gitSshKey out, or write the repository's SSH URL (git@github.com:acme/speech.git).",
        )
    if not web and values.get("git_token") is not None:
        yield Problem(
            key="gitToken",
            value=None,
            why="is set, and gitRepository is reached by SSH, which takes a key.",
            instead="Take gitToken out, or write the repository's HTTPS URL (https://github.com/acme/speech.git).",
        )
    if not web and "git_ssh_key" in values and values["git_ssh_key"] is None:
        yield Problem(
            key="gitSshKey",
            value=None,
            why="is missing: gitRepository is reached by SSH, which asks for a key of everybody.",
            instead="Set it: pulumi config set --secret gitSshKey < key, a deploy key that can read.",
        )


def _git_is_read_unaltered(context: Context) -> Iterator[Problem]:
    url = context.values.get("git_repository")
    # The embedded cluster's repository is on this machine.
    if url is not None and url.startswith("http://") and context.profile.protect:
        yield Problem(
            key="gitRepository",
            value=url,
            why="is read without TLS: whoever is on the way decides what runs.",
            instead="Write an https or an SSH URL.",
        )


_OIDC = (
    ("oidc_issuer", "oidcIssuer"),
    ("oidc_client_id", "oidcClientId"),
    ("oidc_client_secret", "oidcClientSecret"),
)


def _sign_in_is_whole(context: Context) -> Iterator[Problem]:
    values = context.values
    if any(field not in values for field, _ in _OIDC):
        return
    given = [key for field, key in _OIDC if values[field] is not None]
    for field, key in _OIDC:
        if given and values[field] is None:
            yield Problem(
                key=key,
                value=None,
                why=f"is missing, and {given[0]} is set: people sign in with all three or not at all.",
                instead=f"Write {key}, or take {', '.join(given)} out.",
            )
    if given and "argo_cd_domain" in values and values["argo_cd_domain"] is None:
        yield Problem(
            key="argoCdDomain",
            value=None,
            why="is missing: who has signed in is sent back to Argo CD's own name.",
            instead="Write it (argocd.example.com).",
        )
    if not given and values.get("deployers"):
        yield Problem(
            key="deployers",
            value=", ".join(values["deployers"]),
            why="are groups of who signs in, and nobody can: oidcIssuer is not set.",
            instead="Write oidcIssuer, oidcClientId and oidcClientSecret, or take deployers out.",
        )


def _argo_cd_has_its_own_name(context: Context) -> Iterator[Problem]:
    domain = context.values.get("argo_cd_domain")
    if domain is not None and domain == context.values.get("domain"):
        yield Problem(
            key="argoCdDomain",
            value=domain,
            why="is the speech service's name, and Contour serves one of the two.",
            instead="Write another (argocd.example.com).",
        )


def _webhook_has_a_way_in(context: Context) -> Iterator[Problem]:
    values = context.values
    if values.get("webhook_secret") is not None and values.get("argo_cd_domain", "") is None:
        yield Problem(
            key="webhookSecret",
            value=None,
            why="is set, and no webhook reaches Argo CD without a name.",
            instead="Write argoCdDomain, or take webhookSecret out.",
        )


def _copies_have_a_node_each(context: Context) -> Iterator[Problem]:
    nodes = context.values.get("edge_nodes")
    if context.values.get("argo_cd_ha") and nodes is not None and nodes < 3:
        yield Problem(
            key="argoCdHa",
            value="true",
            why=f"runs three copies on an edge node each, and there are {nodes}: one would wait for ever.",
            instead='Write edgeNodes: "3", or take argoCdHa out.',
        )


GITOPS_CHECKS: tuple[Check, ...] = (
    _credential_suits_the_url,
    _git_is_read_unaltered,
    _sign_in_is_whole,
    _argo_cd_has_its_own_name,
    _webhook_has_a_way_in,
    _copies_have_a_node_each,
)
