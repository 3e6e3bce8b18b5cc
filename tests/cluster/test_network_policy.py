"""Who gets a connection to the speech port, and where the speech pod gets one to: by real packets."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from components.edge import Exposure
from local.cluster.layout import Cluster
from tests.cluster.door import SENTENCE, Door, frames
from tests.cluster.running import NAMESPACE, Running, eventually
from tests.cluster.strangers import (
    NO_ANSWER,
    NOBODY_LISTENS,
    OPEN,
    Stranger,
    connect,
    no_policies,
    strangers,
)

SPEECH_PORT = 8091
RESOLVE = "import socket, sys; print(socket.gethostbyname(sys.argv[1]))"

pytestmark = pytest.mark.usefixtures("exposure")


@dataclass(frozen=True)
class Ways:
    """Every way from one pod to the speech port."""

    address: str
    service: str

    @property
    def all(self) -> tuple[str, str]:
        return self.address, self.service


@pytest.fixture(scope="module")
def outside(running: Running, exposure: Exposure) -> Iterator[dict[str, Stranger]]:  # noqa: ARG001 - of the namespace
    with strangers(running) as found:
        yield found


@pytest.fixture(params=["edge", "gpu", "neighbour"])
def stranger(request: pytest.FixtureRequest, outside: dict[str, Stranger]) -> Stranger:
    return outside[request.param]


@pytest.fixture
def ways(running: Running) -> Ways:
    service = running.core.read_namespaced_service("speech", NAMESPACE)
    return Ways(f"{running.speech_pod().status.pod_ip}:{SPEECH_PORT}", f"{service.spec.cluster_ip}:80")


def everything_else(cluster: Cluster, outside: dict[str, Stranger]) -> dict[str, str]:
    """What a speech pod that was taken over would try next."""
    return {
        "the API server": f"{cluster.api_service_address}:443",
        "the API server's own address": f"{cluster.control_address}:6443",
        "a pod on the same node": outside["gpu"].address,
        "a pod on another node": outside["edge"].address,
        "a pod of its own namespace": outside["neighbour"].address,
        "another node's kubelet": f"{cluster.node_address('edge')}:10250",
        "the machine's metadata": "169.254.169.254:80",
    }


class TestIntoTheSpeechPod:
    def test_envoy_gets_through(self, running: Running, door: Door, ways: Ways) -> None:
        with door.client() as voice:
            assert frames(voice.say(SENTENCE).read()), "the only way in has to be one"
        # The embedded cluster's Envoy image has Python in it; upstream's has nothing but Envoy.
        answers = connect(running, running.envoy_pod(), "envoy", ways.address)
        assert answers == {ways.address: OPEN}, "speech comes from Envoy's own address, not by some other way"

    def test_a_stranger_does_not(self, stranger: Stranger, ways: Ways) -> None:
        answers = stranger.connect(*ways.all)
        assert answers == dict.fromkeys(ways.all, NO_ANSWER), "anyone in the cluster could spend the GPU"

    def test_it_is_the_policy_that_refuses(self, running: Running, stranger: Stranger, ways: Ways) -> None:
        with no_policies(running):
            eventually(
                lambda: stranger.connect(*ways.all) == dict.fromkeys(ways.all, OPEN),
                20,
                "without a policy a stranger reaches the port, or the refusals above prove nothing",
            )
        eventually(
            lambda: stranger.connect(*ways.all) == dict.fromkeys(ways.all, NO_ANSWER),
            20,
            "the policy refuses again once it stands alone",
        )

    def test_a_refusal_is_not_mistaken_for_an_empty_port(self, outside: dict[str, Stranger]) -> None:
        empty = outside["gpu"].address.replace(":8080", ":8081")
        assert outside["edge"].connect(empty) == {empty: NOBODY_LISTENS}, (
            "the probe cannot tell the two apart"
        )


class TestOutOfTheSpeechPod:
    def test_names_are_resolved(self, running: Running) -> None:
        answer = running.python(
            running.speech_pod(), "speech", RESOLVE, "kubernetes.default.svc.cluster.local"
        )
        assert answer == str(running.cluster.api_service_address), "an engine looks up where its weights are"

    def test_nothing_else_is_reached(self, running: Running, outside: dict[str, Stranger]) -> None:
        targets = everything_else(running.cluster, outside)
        answers = connect(running, running.speech_pod(), "speech", *targets.values())
        reached = {what: answers[target] for what, target in targets.items() if answers[target] != NO_ANSWER}
        assert not reached, "a text that breaks into the engine must find itself in a room without doors"

    def test_it_is_the_policy_that_holds_it_back(
        self, running: Running, outside: dict[str, Stranger]
    ) -> None:
        targets = everything_else(running.cluster, outside)

        def held_back() -> set[str]:
            answers = connect(running, running.speech_pod(), "speech", *targets.values())
            return {what for what, target in targets.items() if answers[target] != OPEN}

        with no_policies(running):
            eventually(
                # No machine here has metadata: without a policy that address is told to be nowhere.
                lambda: held_back() == {"the machine's metadata"},
                20,
                "without a policy the speech pod reaches all of it, or the refusals above prove nothing",
            )
        eventually(lambda: held_back() == set(targets), 20, "the policy holds it back again")
