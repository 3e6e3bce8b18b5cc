"""EKS's add-ons and pod identities, which moto has not. Each check is one that EKS makes."""

from typing import Any

import yaml
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.eks.exceptions import InvalidParameterException, InvalidRequestException, ResourceInUseException
from moto.eks.responses import EKSResponse
from moto.moto_api._internal import mock_random

from tests.aws.eks_request import Request, missing, updated


def create_addon(response: EKSResponse) -> ActionResult:
    request = Request(response)
    name = request.get("addonName")
    if name in request.cluster.addons:
        raise ResourceInUseException(message="Addon already exists.", addonName=name)
    _check_configuration(request)
    if role := request.get("serviceAccountRoleArn"):
        request.check_role(role)
    addon = {
        "addonArn": request.arn("addon", name, str(mock_random.uuid4())),
        "addonName": name,
        "addonVersion": request.get("addonVersion", "v1.0.0-eksbuild.1"),
        "clusterName": request.cluster.name,
        "configurationValues": request.get("configurationValues", ""),
        "createdAt": utcnow(),
        "health": {"issues": []},
        "modifiedAt": utcnow(),
        "podIdentityAssociations": [],
        "serviceAccountRoleArn": role or "",
        "status": "ACTIVE",
        "tags": request.get("tags", {}),
    }
    request.cluster.addons[name] = addon
    _identify(request, addon)
    return ActionResult({"addon": addon})


def _check_configuration(request: Request) -> None:
    if values := request.get("configurationValues"):
        try:
            yaml.safe_load(values)
        except yaml.YAMLError as error:
            raise InvalidParameterException(
                message="ConfigurationValue is not in valid JSON or YAML"
            ) from error


def _identify(request: Request, addon: dict[str, Any]) -> None:
    wanted = request.get("podIdentityAssociations")
    if wanted is None:
        return
    known = request.cluster.pod_identities
    for arn in addon["podIdentityAssociations"]:
        known.pop(arn.rpartition("/")[2], None)
    made = [request.identity("kube-system", item["serviceAccount"], item["roleArn"]) for item in wanted]
    for identity in made:
        identity["ownerArn"] = addon["addonArn"]
    addon["podIdentityAssociations"] = [identity["associationArn"] for identity in made]


def _addon(request: Request) -> dict[str, Any]:
    name = request.get("addonName")
    if name not in request.cluster.addons:
        raise missing(f"No addon: {name} found in cluster: {request.cluster.name}")
    found: dict[str, Any] = request.cluster.addons[name]
    return found


def describe_addon(response: EKSResponse) -> ActionResult:
    return ActionResult({"addon": _addon(Request(response))})


def list_addons(response: EKSResponse) -> ActionResult:
    return ActionResult({"addons": sorted(Request(response).cluster.addons)})


def update_addon(response: EKSResponse) -> ActionResult:
    request = Request(response)
    addon = _addon(request)
    _check_configuration(request)
    for name in ("addonVersion", "configurationValues", "serviceAccountRoleArn"):
        if name in request.body:
            addon[name] = request.body[name]
    addon["modifiedAt"] = utcnow()
    _identify(request, addon)
    return updated("AddonUpdate")


def delete_addon(response: EKSResponse) -> ActionResult:
    request = Request(response)
    addon = _addon(request)
    del request.cluster.addons[addon["addonName"]]
    for arn in addon["podIdentityAssociations"]:
        request.cluster.pod_identities.pop(arn.rpartition("/")[2], None)
    return ActionResult({"addon": {**addon, "status": "DELETING"}})


def create_pod_identity_association(response: EKSResponse) -> ActionResult:
    request = Request(response)
    made = request.identity(request.get("namespace"), request.get("serviceAccount"), request.get("roleArn"))
    made["tags"] = request.get("tags", {})
    return ActionResult({"association": made})


def _identity(request: Request) -> Any:
    identity = request.get("associationId")
    if identity not in request.cluster.pod_identities:
        raise missing(f"Could not find association: {identity} in cluster {request.cluster.name}")
    return request.cluster.pod_identities[identity]


def describe_pod_identity_association(response: EKSResponse) -> ActionResult:
    return ActionResult({"association": _identity(Request(response))})


def list_pod_identity_associations(response: EKSResponse) -> ActionResult:
    return ActionResult({"associations": list(Request(response).cluster.pod_identities.values())})


def update_pod_identity_association(response: EKSResponse) -> ActionResult:
    request = Request(response)
    found = _identity(request)
    if role := request.get("roleArn"):
        request.check_role(role)
        found["roleArn"] = role
    return ActionResult({"association": found})


def delete_pod_identity_association(response: EKSResponse) -> ActionResult:
    request = Request(response)
    found = _identity(request)
    if "ownerArn" in found:
        raise InvalidRequestException(message=f"{found['associationId']} belongs to {found['ownerArn']}")
    del request.cluster.pod_identities[found["associationId"]]
    return ActionResult({"association": found})


ACTIONS = (
    create_addon,
    describe_addon,
    list_addons,
    update_addon,
    delete_addon,
    create_pod_identity_association,
    describe_pod_identity_association,
    list_pod_identity_associations,
    update_pod_identity_association,
    delete_pod_identity_association,
)
