"""What an update of an ephemeral stack takes over on its cluster, and what is swept after its end."""

from collections.abc import Iterator

import pytest

import ops.ephemeral_cluster
from ops.ephemeral_cluster import EphemeralCluster, refuse_moved
from ops.errors import OpsError
from tests.support import api_server
from tests.support.api_server import Api

SETTINGS = {"namespace": "tts-one", "domain": "one.example.com"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with api_server.running() as api:
        monkeypatch.setattr(ops.ephemeral_cluster, "reached", lambda *_: api.client)
        yield api


@pytest.fixture
def cluster(api: Api) -> EphemeralCluster:  # noqa: ARG001 - is asked
    return EphemeralCluster("one", SETTINGS)


def namespace(api: Api, state_id: str) -> None:
    api.add("namespaces", {"metadata": {"name": "tts-one", "labels": {"tts-platform/state-id": state_id}}})


def route(api: Api, home: str) -> None:
    metadata = {"name": "speech", "namespace": home}
    api.add("httpproxies", {"metadata": metadata, "spec": {"virtualhost": {"fqdn": "one.example.com"}}})


class TestTaken:
    def test_by_nobody(self, api: Api, cluster: EphemeralCluster) -> None:
        cluster.refuse_taken("mine", made=False)
        namespace(api, "mine")
        route(api, "tts-one")
        cluster.refuse_taken("mine", made=True)

    def test_a_namespace_by_another(self, api: Api, cluster: EphemeralCluster) -> None:
        namespace(api, "theirs")
        with pytest.raises(OpsError, match="not of this stack"):
            cluster.refuse_taken("mine", made=False)

    def test_a_host_name_by_another(self, api: Api, cluster: EphemeralCluster) -> None:
        route(api, "argocd")
        with pytest.raises(OpsError, match="is the host name of argocd/speech"):
            cluster.refuse_taken("mine", made=False)

    def test_a_namespace_that_was_made_and_is_gone(self, cluster: EphemeralCluster) -> None:
        with pytest.raises(OpsError, match=r"was made, and is gone: .*down one, then up"):
            cluster.refuse_taken("mine", made=True)


class TestMoved:
    def test_to_another_server(self) -> None:
        with pytest.raises(OpsError, match=r"are at https://a, .* down one .*--forget"):
            refuse_moved("one", {"clusterServer": "https://a"}, {"clusterServer": "https://b"})

    @pytest.mark.parametrize("noted", [{}, {"clusterServer": "https://a/"}])
    def test_nowhere(self, noted: dict[str, str]) -> None:
        refuse_moved("one", noted, {"clusterServer": "https://a"})


class TestSweep:
    def test_it_takes_what_nobody_noted(self, api: Api, cluster: EphemeralCluster) -> None:
        namespace(api, "mine")
        cluster.sweep("mine")
        assert api.named("namespaces") == []

    def test_a_class_that_was_made_before_the_namespace(self, api: Api, cluster: EphemeralCluster) -> None:
        api.add("volumesnapshotclasses", {"metadata": {"name": "tts-one-snapshots"}})
        api.add("volumesnapshotclasses", {"metadata": {"name": "tts-snapshots"}})
        api.objects["volumesnapshotcontents"] = {}
        cluster.sweep("mine")
        assert api.named("volumesnapshotclasses") == ["tts-snapshots"], (
            "a run that was killed there leaves it"
        )

    def test_what_is_anothers_stays(self, api: Api, cluster: EphemeralCluster) -> None:
        namespace(api, "theirs")
        api.objects["volumesnapshotcontents"] = {}
        api.add("volumesnapshotclasses", {"metadata": {"name": "tts-one-snapshots"}})
        assert cluster.is_anothers("mine")
        cluster.sweep("mine")
        assert api.named("namespaces") == ["tts-one"]
        assert api.named("volumesnapshotclasses") == ["tts-one-snapshots"]

    def test_what_has_lost_its_label_is_for_somebody_to_say(
        self, api: Api, cluster: EphemeralCluster
    ) -> None:
        api.add("namespaces", {"metadata": {"name": "tts-one", "labels": {}}})
        with pytest.raises(OpsError, match="state-id=mine"):
            cluster.is_anothers("mine")
        assert api.named("namespaces") == ["tts-one"], "it may be anybody's, and its GPU the stack's"

    def test_what_may_not_be_listed_is_not_nothing(self, api: Api, cluster: EphemeralCluster) -> None:
        namespace(api, "mine")
        api.refused["GET", "volumesnapshotcontents"] = 403
        with pytest.raises(OpsError, match="volumesnapshotcontents is forbidden"):
            cluster.sweep("mine")

    def test_a_connection_that_breaks_is_one_line(self, api: Api) -> None:
        api.url = "http://127.0.0.1:9"
        broken = EphemeralCluster("one", SETTINGS)
        with pytest.raises(OpsError, match="does not say what there is"):
            broken.sweep("mine")
