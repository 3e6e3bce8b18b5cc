"""Plain objects as resources: one resource each, so that a preview shows every object.

This holds even when the cluster does not exist yet, which neither `helm.v4.Chart` nor `yaml.v2` manages.
"""

from collections.abc import Sequence
from importlib.metadata import version

import pulumi

from components.upstream.objects import KubernetesObject, name_of

# A resource whose type is only known at run time has no SDK to say which provider it wants.
#
# requirements.txt and local/build/tools.toml pin it. What a killed update had made and not noted is made again only
# because this version takes an object that is there already for its own. Later ones refuse it ("already exists") unless
# the provider is told upsertExistingObjects: say so in components/cluster.py when the pin moves, or the update after a
# kill fails. https://github.com/pulumi/pulumi-kubernetes/pull/4278
PROVIDER_VERSION = version("pulumi-kubernetes")

_PHASES: tuple[frozenset[str], ...] = (
    frozenset({"Namespace"}),
    # What pods start with. Services are not here: Pulumi waits for their endpoints, so they cannot come before pods.
    # Policies are: no pod ever runs without them.
    frozenset({"CustomResourceDefinition", "ServiceAccount", "ConfigMap", "Secret", "NetworkPolicy"})
    | {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"},
    # Workloads mount what a Job makes.
    frozenset({"Job"}),
    frozenset({"Deployment", "DaemonSet", "StatefulSet", "Service", "PodDisruptionBudget"}),
    # An admission webhook that is registered before its pods run refuses everything that it is asked about.
    frozenset({"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}),
)


def install(
    name: str, objects: Sequence[KubernetesObject], parent: pulumi.Resource
) -> list[pulumi.CustomResource]:
    """Registers `objects` under `parent`, phase after phase; destroyed in the opposite order.

    Returns the last phase: what depends on it comes after everything, and goes before it.
    """
    known = frozenset[str]().union(*_PHASES)
    strangers = sorted({item["kind"] for item in objects} - known)
    if strangers:
        raise ValueError(
            f"{name}: no phase for {', '.join(strangers)}: say when they may be made, and deleted."
        )
    before: list[pulumi.CustomResource] = []
    for phase in _PHASES:
        # On the phase before only, which stands for those before it: when something in a destroy fails, the engine
        # walks every path from it through the dependencies, and each edge that is not needed multiplies them.
        options = pulumi.ResourceOptions(parent=parent, depends_on=before, version=PROVIDER_VERSION)
        before = [_resource(name, item, options) for item in objects if item["kind"] in phase] or before
    return before


def _resource(name: str, item: KubernetesObject, options: pulumi.ResourceOptions) -> pulumi.CustomResource:
    group_version = item["apiVersion"] if "/" in item["apiVersion"] else f"core/{item['apiVersion']}"
    namespace = item["metadata"].get("namespace")
    qualified = f"{namespace}-{name_of(item)}" if namespace else name_of(item)
    logical_name = f"{name}-{item['kind'].lower()}-{qualified}"
    return pulumi.CustomResource(f"kubernetes:{group_version}:{item['kind']}", logical_name, item, options)
