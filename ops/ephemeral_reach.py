"""Whether the cluster that an ephemeral stack's objects are on can be reached from here, and if not, why.

Only one at which nobody answers may be gone. Where this machine has no kubeconfig, another cluster's, or one whose
credentials are refused, the cluster is there, and the stack's pods and volumes with it: Silent is never raised then.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ops.errors import OpsError, said
from stacks.kubeconfig import NoCluster, find

if TYPE_CHECKING:
    from kubernetes import client

SECONDS: Final = 10
"""For one answer."""


class Silent(OpsError):
    """Nobody answers where the stack's objects are."""


def reached(name: str, settings: Mapping[str, Any]) -> client.ApiClient:
    """A client of the cluster that a stack's settings name. Raises OpsError, or Silent, where there is none."""
    from kubernetes import client, config
    from kubernetes.config.config_exception import ConfigException
    from urllib3.exceptions import HTTPError

    recorded: str | None = settings.get("clusterServer")
    try:
        there = find(settings.get("kubeconfig"), settings.get("kubeContext"))
        configuration = client.Configuration()
        # The current context may be any; this one is the settings'.
        config.load_kube_config(there.kubeconfig, there.context, client_configuration=configuration)
    except NoCluster as missing:
        problem = missing.problem
        why = f"The cluster of {name} is not known: {problem.value or problem.key} {problem.why}"
        raise _unreached(name, recorded, why) from None
    except ConfigException as error:
        raise _unreached(name, recorded, f"The kubeconfig of {name} does not work: {error}") from None
    server = recorded or there.server
    if there.server.rstrip("/") != server.rstrip("/"):
        why = f"The objects of {name} are at {server}, and the kubeconfig leads to {there.server}."
        raise _unreached(name, server, why)
    # Otherwise an absent cluster is waited for four times.
    configuration.retries = False
    api = client.ApiClient(configuration)
    try:
        client.VersionApi(api).get_code(_request_timeout=SECONDS)
    except client.ApiException as error:
        raise OpsError(
            f"The cluster of {name} ({server}) answers, and refuses: {said(error)}. Mend the credentials in "
            f"{there.kubeconfig}."
        ) from None
    except HTTPError as error:
        why = f"The cluster of {name} ({server}) does not answer: {said(error)}."
        raise _unreached(name, server, why) from None
    return api


def _unreached(name: str, server: str | None, why: str) -> OpsError:
    if server is None or answers(server):
        return OpsError(f"{why} Its cluster ({server}) is there: bring the kubeconfig that leads there.")
    return Silent(
        f"{why} Nobody answers at {server}. If it is gone for good: python -m ops ephemeral down {name} --forget "
        "removes the stack alone."
    )


def answers(server: str) -> bool:
    """Whether there is a server at an API's address, whatever it thinks of whoever asks."""
    address = urlsplit(server)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    with closing(kind(address.hostname or "", address.port, timeout=SECONDS)) as connection:
        try:
            connection.request("GET", "/version/")
            connection.getresponse()
        except ssl.SSLError:
            # Its certificate is from an authority of its own.
            return True
        except (OSError, HTTPException):
            return False
    return True
