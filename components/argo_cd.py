"""Argo CD, installed from its release manifest.

Refuses to guess, as Contour's component does: each change names one object, and an upstream in which it is gone fails
the preview. Refuses a name at which nobody can sign in.

Left out, with everything that is theirs: dex, because an OpenID Connect provider is asked directly; the ApplicationSet
controller, because there is one Application, and Pulumi makes it; the notifications controller, unless it is asked for.
The ApplicationSets' CRD stays: Argo CD's server lists them all the same, and would go on logging that it cannot.

`redis` gets its password from an init container, which makes a Secret once: no Job, nothing to replace.
"""

from dataclasses import dataclass, field
from typing import Final

import pulumi

from components.argo_access import OidcSignIn
from components.argo_changes import ArgoCdChanges
from components.argo_route import ArgoCdRoute, ArgoCdRouteArgs
from components.argo_secrets import GitCredential, repository_secret
from components.argo_workloads import ArgoCdResources, disruption_budgets, run
from components.edge import Exposure, authority
from components.hardening import restricted_namespace
from components.upstream.images import use_registry
from components.upstream.install import install
from components.upstream.objects import KubernetesObject, parse_manifest, transform
from components.upstream.pin import Upstream
from components.upstream.source import UpstreamStore

NAMESPACE: Final = "argocd"
"""The manifest's ClusterRoleBindings name it."""

_CLUSTER_SCOPED: Final = frozenset({"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"})


@dataclass(frozen=True, kw_only=True)
class ArgoCdArgs:
    """What an environment decides about its Argo CD."""

    upstream: Upstream
    """`manifests/install.yaml` of a tag, or `manifests/ha/install.yaml`: two of each server and a replicated redis,
    which take three edge nodes, because no two of a kind share one."""

    store: UpstreamStore
    image_registry: str | None = None
    """A mirror of the images' registries."""

    resources: ArgoCdResources = field(default_factory=ArgoCdResources)

    domain: str | None = None
    """Of the UI, the API and the webhook. None: no route, and `kubectl port-forward` is the way in."""

    https_port: int = 443
    """Where clients reach the edge."""

    issuer_name: pulumi.Input[str]
    acme: bool
    """Whether the issuer is an ACME server, which looks at the domain from outside before it signs."""

    exposure: Exposure
    edge_cidrs: tuple[str, ...] = ()
    """Addresses of the edge nodes; used in `host_network` only."""

    admin: bool = True
    """Whether the built-in account may sign in. Its password is in the Secret argocd-initial-admin-secret."""

    oidc: OidcSignIn | None = None
    """Who else may sign in. None makes a local account `deployer`, for tokens."""

    deployers: tuple[str, ...] = ()
    """Groups of the OpenID Connect provider whose members may sync."""

    repository: GitCredential | None = None
    """None for a public one."""

    webhook_secret: pulumi.Input[str] | None = None
    """By which the webhook knows the forge. None refuses webhooks from outside."""

    poll_seconds: int = 180
    """Between two looks into git."""

    notifications: bool = False


class ArgoCd(pulumi.ComponentResource):
    """Argo CD, its CRDs, its settings and secrets, and the route to its UI."""

    namespace: pulumi.Output[str]
    """Where Argo CD runs, and looks for its Applications."""

    url: pulumi.Output[str] | None
    """Of the UI; None without a domain."""

    def __init__(self, name: str, args: ArgoCdArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:argocd:ArgoCd", name, None, opts)
        _refuse(name, args)
        url = f"https://{authority(args.domain, args.https_port)}" if args.domain else None
        changes = ArgoCdChanges(
            url=url,
            # Behind a route only: nobody else's way in leads through the nodes' addresses.
            edge_cidrs=args.edge_cidrs if args.domain and args.exposure is Exposure.HOST_NETWORK else (),
            admin=args.admin,
            oidc=args.oidc,
            deployers=args.deployers,
            webhook_secret=args.webhook_secret,
            poll_seconds=args.poll_seconds,
            notifications=args.notifications,
        )
        objects = transform(parse_manifest(args.store.locate(args.upstream)), changes.all())
        run(objects, args.resources)
        if args.image_registry:
            use_registry(objects, args.image_registry)
        _put_into_namespace(objects)
        objects += disruption_budgets(objects)
        if args.repository:
            objects.append(repository_secret(NAMESPACE, args.repository))
        installed = install(name, [_namespace(), *objects], self)
        if args.domain:
            self._route(name, args, args.domain, installed)

        self.namespace = pulumi.Output.from_input(NAMESPACE)
        self.url = pulumi.Output.from_input(url) if url else None
        self.register_outputs({"namespace": self.namespace, "url": self.url})

    def _route(
        self, name: str, args: ArgoCdArgs, domain: str, installed: list[pulumi.CustomResource]
    ) -> None:
        ArgoCdRoute(
            f"{name}-route",
            ArgoCdRouteArgs(
                namespace=NAMESPACE,
                domain=domain,
                issuer_name=args.issuer_name,
                webhook=args.webhook_secret is not None,
                await_certificate=not args.acme,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=installed),
        )


def _refuse(name: str, args: ArgoCdArgs) -> None:
    if args.oidc and not args.domain:
        raise ValueError(
            f"{name}: who has signed in by OIDC is sent back to Argo CD's domain, and it has none."
        )
    if args.deployers and not args.oidc:
        raise ValueError(f"{name}: deployers are groups of an OIDC provider, and there is none.")
    if args.domain and not (args.admin or args.oidc):
        raise ValueError(
            f"{name}: nobody could sign in at {args.domain}: the admin is off, and there is no OIDC."
        )
    if args.domain and args.exposure is Exposure.HOST_NETWORK and not args.edge_cidrs:
        raise ValueError(
            f"{name}: host_network needs the edge nodes' CIDRs: without them Envoy gets no answer."
        )


def _put_into_namespace(objects: list[KubernetesObject]) -> None:
    # The manifest leaves it to `kubectl --namespace`.
    for item in objects:
        if item["kind"] not in _CLUSTER_SCOPED:
            item["metadata"].setdefault("namespace", NAMESPACE)


def _namespace() -> KubernetesObject:
    # Whoever runs a pod here can be the controller, which may do anything to the cluster.
    return restricted_namespace(NAMESPACE)
