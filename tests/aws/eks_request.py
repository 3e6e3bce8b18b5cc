"""One request to EKS, as the extension of moto sees it."""

import json
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.eks.exceptions import InvalidParameterException, ResourceInUseException, ResourceNotFoundException
from moto.eks.models import EKSBackend
from moto.eks.responses import EKSResponse
from moto.iam.models import iam_backends
from moto.moto_api._internal import mock_random


def missing(message: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(message=message)


class Request:
    """One request, with its body and the parts of its path."""

    def __init__(self, response: EKSResponse) -> None:
        self.backend: EKSBackend = response.eks_backend
        self.region: str = response.region
        self.account: str = response.current_account
        self.body: dict[str, Any] = json.loads(response.body) if response.body else {}
        self.path: dict[str, Any] = dict(response.uri_match or {})

    def get(self, name: str, default: Any = None) -> Any:
        value = self.path.get(name, self.body.get(name, default))
        return default if value is None else value

    @property
    def cluster(self) -> Any:
        name = self.path.get("name") or self.path.get("clusterName")
        if name not in self.backend.clusters:
            raise missing(f"No cluster found for name: {name}.")
        return self.backend.clusters[name]

    def arn(self, kind: str, *parts: str) -> str:
        return ":".join(
            ("arn:aws:eks", self.region, self.account, "/".join((kind, self.cluster.name, *parts)))
        )

    def check_role(self, arn: str) -> None:
        iam = iam_backends[self.account]["aws"]
        if not any(role.arn == arn for role in iam.roles.values()):
            raise InvalidParameterException(message=f"Role {arn} does not exist.")

    def identity(self, namespace: str, account: str, role: str) -> dict[str, Any]:
        """A new pod identity association. A service account can have one."""
        self.check_role(role)
        for known in self.cluster.pod_identities.values():
            if (known["namespace"], known["serviceAccount"]) == (namespace, account):
                raise ResourceInUseException(
                    message=f"Association already exists: {known['associationId']} for {namespace}/{account}"
                )
        identity = f"a-{mock_random.get_random_hex(17)}"
        made = {
            "associationArn": self.arn("podidentityassociation", identity),
            "associationId": identity,
            "clusterName": self.cluster.name,
            "createdAt": utcnow(),
            "modifiedAt": utcnow(),
            "namespace": namespace,
            "roleArn": role,
            "serviceAccount": account,
            "tags": {},
        }
        self.cluster.pod_identities[identity] = made
        return made


def updated(kind: str) -> ActionResult:
    done = {"id": str(mock_random.uuid4()), "status": "Successful", "type": kind, "createdAt": utcnow()}
    return ActionResult({"update": {**done, "params": [], "errors": []}})
