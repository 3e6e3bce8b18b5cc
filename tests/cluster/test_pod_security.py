"""What the service's namespace admits, and what the speech pod may do."""

import json
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from tests.cluster.deployed import Deployed
from tests.cluster.running import NAMESPACE, Running
from tests.cluster.strangers import stranger

LOOK = """
import json, os
def writable(path):
    try:
        with open(path, "w"):
            return True
    except OSError:
        return False
print(json.dumps({
    "user": os.getuid(),
    "groups": os.getgroups(),
    "root": writable("/written") or writable("/opt/app/written"),
    "outputs": writable("/outputs/.written"),
    "token": os.path.exists("/var/run/secrets/kubernetes.io"),
    "status": open("/proc/self/status").read(),
}))
for path in ("/outputs/.written",):
    os.unlink(path)
"""

pytestmark = pytest.mark.usefixtures("deployed")


@pytest.fixture(scope="module")
def seen(running: Running, deployed: Deployed) -> dict[str, Any]:  # noqa: ARG001 - is deployed
    """The speech container, from inside."""
    answer: dict[str, Any] = json.loads(running.python(running.speech_pod(), "speech", LOOK))
    return answer


@pytest.mark.parametrize(
    ("liberty", "pod", "container"),
    [
        ("privileged", {}, {"securityContext": {"privileged": True}}),
        ("hostNetwork", {"hostNetwork": True}, {}),
        ("runAsNonRoot", {"securityContext": {"runAsUser": 0}}, {}),
    ],
)
def test_a_pod_that_takes_liberties_is_refused(
    running: Running, liberty: str, pod: dict[str, Any], container: dict[str, Any]
) -> None:
    unruly = stranger("unruly", "gpu", **container)
    unruly["spec"] |= pod
    with pytest.raises(ApiException) as refused:
        running.core.create_namespaced_pod(NAMESPACE, unruly, dry_run="All")
    assert refused.value.status == 403, "whoever may make pods here could take the node"
    why = json.loads(refused.value.body)["message"]
    assert 'violates PodSecurity "restricted' in why, "another rule refused it, and this one may be off"
    assert liberty in why, "it was refused for something else"


def test_a_modest_pod_is_admitted(running: Running) -> None:
    made = running.core.create_namespaced_pod(NAMESPACE, stranger("modest", "gpu"), dry_run="All")
    assert made.metadata.name == "modest", "what refuses everything proves nothing about privileges"


def test_the_speech_server_is_not_root(seen: dict[str, Any]) -> None:
    assert seen["user"] == 10001, "root in a container is one bug away from root on the node"
    assert 0 not in seen["groups"]


def test_it_has_no_capabilities_and_gains_none(seen: dict[str, Any]) -> None:
    status = dict(line.split(":\t", 1) for line in seen["status"].splitlines() if ":\t" in line)
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, "a capability that nothing here uses"
    assert status["NoNewPrivs"] == "1", "a setuid program would bring root back"
    assert status["Seccomp"] == "2", "every system call of the kernel is open to it"


def test_its_image_cannot_be_written_to(seen: dict[str, Any]) -> None:
    assert not seen["root"], "what gets in could stay, and rewrite the server"


def test_its_outputs_can(seen: dict[str, Any]) -> None:
    assert seen["outputs"], "utterances are kept here"


def test_it_has_no_key_to_the_api(seen: dict[str, Any]) -> None:
    assert not seen["token"], "the engine never asks Kubernetes anything"
