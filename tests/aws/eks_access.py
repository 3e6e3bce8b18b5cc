"""EKS's access entries and their policies, which moto has not. Each check is one that EKS makes."""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.eks.exceptions import InvalidParameterException, InvalidRequestException, ResourceInUseException
from moto.eks.responses import EKSResponse

from tests.aws.eks_request import Request, missing


def create_access_entry(response: EKSResponse) -> ActionResult:
    request = Request(response)
    principal = request.get("principalArn")
    if request.cluster.access_config["authenticationMode"] == "CONFIG_MAP":
        raise InvalidRequestException(
            message="The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP]"
        )
    if principal in request.cluster.access_entries:
        raise ResourceInUseException(
            message="The specified access entry resource is already in use on this cluster."
        )
    if ":role/" in principal and f":{request.account}:" in principal:
        request.check_role(principal)
    entry = {
        "accessEntryArn": request.arn("access-entry", "role", principal.rpartition("/")[2]),
        "clusterName": request.cluster.name,
        "createdAt": utcnow(),
        "kubernetesGroups": request.get("kubernetesGroups", []),
        "modifiedAt": utcnow(),
        "principalArn": principal,
        "tags": request.get("tags", {}),
        "type": request.get("type", "STANDARD"),
        "username": request.get("username", principal),
    }
    request.cluster.access_entries[principal] = entry
    request.cluster.access_policies[principal] = {}
    return ActionResult({"accessEntry": entry})


def _entry(request: Request) -> Any:
    principal = request.get("principalArn")
    if principal not in request.cluster.access_entries:
        raise missing(
            f"The specified principalArn could not be found: {principal} in cluster {request.cluster.name}"
        )
    return request.cluster.access_entries[principal]


def describe_access_entry(response: EKSResponse) -> ActionResult:
    return ActionResult({"accessEntry": _entry(Request(response))})


def list_access_entries(response: EKSResponse) -> ActionResult:
    return ActionResult({"accessEntries": sorted(Request(response).cluster.access_entries)})


def update_access_entry(response: EKSResponse) -> ActionResult:
    request = Request(response)
    entry = _entry(request)
    for name in ("kubernetesGroups", "username"):
        if name in request.body:
            entry[name] = request.body[name]
    return ActionResult({"accessEntry": entry})


def delete_access_entry(response: EKSResponse) -> EmptyResult:
    request = Request(response)
    principal = _entry(request)["principalArn"]
    del request.cluster.access_entries[principal], request.cluster.access_policies[principal]
    return EmptyResult()


def associate_access_policy(response: EKSResponse) -> ActionResult:
    request = Request(response)
    entry, policy, scope = _entry(request), request.get("policyArn"), request.get("accessScope")
    if not policy.startswith("arn:aws:eks::aws:cluster-access-policy/"):
        raise InvalidParameterException(message="The policyArn parameter format is not valid")
    if (scope["type"] == "namespace") != bool(scope.get("namespaces")):
        raise InvalidParameterException(
            message="Namespaces are needed with, and only with, a namespace scope"
        )
    if entry["type"] != "STANDARD":
        raise InvalidRequestException(message="Only entries of the type STANDARD can have access policies")
    associated = {"accessScope": scope, "associatedAt": utcnow(), "modifiedAt": utcnow(), "policyArn": policy}
    request.cluster.access_policies[entry["principalArn"]][policy] = associated
    return ActionResult(
        {
            "associatedAccessPolicy": associated,
            "clusterName": request.cluster.name,
            "principalArn": entry["principalArn"],
        }
    )


def list_associated_access_policies(response: EKSResponse) -> ActionResult:
    request = Request(response)
    entry = _entry(request)
    associated = list(request.cluster.access_policies[entry["principalArn"]].values())
    return ActionResult({"associatedAccessPolicies": associated, "clusterName": request.cluster.name})


def disassociate_access_policy(response: EKSResponse) -> EmptyResult:
    request = Request(response)
    entry = _entry(request)
    associated = request.cluster.access_policies[entry["principalArn"]]
    if request.get("policyArn") not in associated:
        raise missing(f"No association of {request.get('policyArn')} with {entry['principalArn']}")
    del associated[request.get("policyArn")]
    return EmptyResult()


ACTIONS = (
    create_access_entry,
    describe_access_entry,
    list_access_entries,
    update_access_entry,
    delete_access_entry,
    associate_access_policy,
    list_associated_access_policies,
    disassociate_access_policy,
)
