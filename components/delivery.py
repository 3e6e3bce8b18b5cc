"""What Argo CD delivers, and how far it may go: one Application from one directory of one repository.

Refuses, through its project, any other repository, cluster, namespace or kind: a commit that adds a ClusterRole, or an
object to another namespace, is reported and not applied. So the service's namespace is made here too.
https://argo-cd.readthedocs.io/en/release-3.2/user-guide/projects/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from components.custom_resource import name_of
from components.tts.namespace import SpeechNamespaceArgs, namespace

PROJECT: Final = "speech"
APPLICATION: Final = "speech"

_API_VERSION: Final = "argoproj.io/v1alpha1"
_THIS_CLUSTER: Final = "https://kubernetes.default.svc"
_REVISIONS_KEPT: Final = 10

# While it is there, deleting the Application deletes what it made first. It asks the cluster for that, and not git.
_FINALIZER: Final = "resources-finalizer.argocd.argoproj.io"


@dataclass(frozen=True, kw_only=True)
class DeliveryArgs:
    """From where to where."""

    argo_cd_namespace: pulumi.Input[str]
    repository_url: str
    revision: str
    """Branch or tag."""

    path: str
    """Of the manifests, in the repository."""

    home: SpeechNamespaceArgs
    """The service's namespace."""

    kinds: tuple[tuple[str, str], ...]
    """Group and kind of everything that the service has in its namespace."""


class Delivery(pulumi.ComponentResource):
    """The service's namespace, an AppProject and its one Application.

    Made when the API server has them: what Argo CD then does with them is not waited for. A destroy does wait, until
    everything that the Application made is gone; it must come before that of Argo CD, which does the deleting.
    """

    application: pulumi.Output[str]
    """Name of the Application."""

    def __init__(self, name: str, args: DeliveryArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("tts-platform:delivery:Delivery", name, None, opts)
        home = namespace(f"{name}-namespace", args.home, self)
        project = self._project(name, args)
        application = self._application(name, args, [home, project])
        self.application = name_of(application)
        self.register_outputs({"application": self.application})

    def _project(self, name: str, args: DeliveryArgs) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{name}-project",
            api_version=_API_VERSION,
            kind="AppProject",
            metadata={"name": PROJECT, "namespace": args.argo_cd_namespace},
            spec={
                "description": "The speech service, from its repository to its namespace and nowhere else.",
                "sourceRepos": [args.repository_url],
                "destinations": [{"server": _THIS_CLUSTER, "namespace": args.home.name}],
                # Not even namespaces: the list knows kinds, and no names.
                "clusterResourceWhitelist": [],
                "namespaceResourceWhitelist": [
                    {"group": group, "kind": kind} for group, kind in sorted(args.kinds)
                ],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _application(
        self, name: str, args: DeliveryArgs, before: Sequence[pulumi.Resource]
    ) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{name}-application",
            api_version=_API_VERSION,
            kind="Application",
            metadata={
                "name": APPLICATION,
                "namespace": args.argo_cd_namespace,
                "finalizers": [_FINALIZER],
                # Without `ServerSideDiff=true`: what the API server refuses is a difference that cannot be applied, and
                # is reported as that. With it, the dry run fails once, and from the next look on Argo CD takes the
                # result from before the commit out of its cache: it calls Synced what was never applied.
            },
            spec={
                "project": PROJECT,
                "source": {
                    "repoURL": args.repository_url,
                    "targetRevision": args.revision,
                    "path": args.path,
                },
                "destination": {"server": _THIS_CLUSTER, "namespace": args.home.name},
                "syncPolicy": _sync_policy(),
                "revisionHistoryLimit": _REVISIONS_KEPT,
            },
            # Not `pulumi.com/skipAwait`: nothing waits for a custom resource to be ready anyway, and with it a destroy
            # would not wait either, and would take Argo CD away from under its finalizer.
            # Without its project an Application is refused, and nobody may delete what it made.
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )


def _sync_policy() -> dict[str, Any]:
    return {
        "automated": {"prune": True, "selfHeal": True},
        "syncOptions": ["CreateNamespace=true", "ServerSideApply=true"],
        # What cannot be applied is tried three times more, and then waits for the next commit. With `refresh`, a commit
        # that comes in between is what is tried: the way back does not queue behind what it takes back.
        "retry": {
            "limit": 3,
            "refresh": True,
            "backoff": {"duration": "10s", "factor": 2, "maxDuration": "1m"},
        },
    }
