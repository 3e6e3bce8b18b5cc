"""What Argo CD is told to deliver, seen by a recording engine."""

from dataclasses import replace
from typing import Any

import pytest

from components.delivery import Delivery, DeliveryArgs
from components.tts.namespace import SpeechNamespaceArgs
from stacks.engines import ENGINES
from tests.support import dependencies
from tests.support.recording import Recording, record

ARGS = DeliveryArgs(
    argo_cd_namespace="argocd",
    repository_url="https://git.example.com/acme/speech.git",
    revision="main",
    path="manifests/prod",
    home=SpeechNamespaceArgs(name="tts", engine=ENGINES["cosyvoice"], protect=True),
    kinds=(("apps", "Deployment"), ("", "Service"), ("projectcontour.io", "HTTPProxy")),
)


def delivery(**changes: Any) -> Recording:
    def program() -> None:
        Delivery("delivery", replace(ARGS, **changes))

    return record(program)


def project() -> Any:
    return delivery().object("AppProject", "speech")["spec"]


def application(**changes: Any) -> Any:
    return delivery(**changes).object("Application", "speech")


class TestProject:
    def test_one_repository_feeds_it(self) -> None:
        assert project()["sourceRepos"] == ["https://git.example.com/acme/speech.git"], (
            "whoever may write an Application could deliver from a repository of their own"
        )

    def test_it_ends_at_the_services_namespace(self) -> None:
        assert project()["destinations"] == [
            {"server": "https://kubernetes.default.svc", "namespace": "tts"}
        ], "a commit could put objects into another team's namespace"

    def test_of_the_cluster_it_has_nothing(self) -> None:
        assert project()["clusterResourceWhitelist"] == [], (
            "a commit with a ClusterRoleBinding would be a way to the whole cluster, and one that takes a Namespace "
            "away again would take all that is in it"
        )

    def test_the_namespace_is_pulumis(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = dependencies.noted(monkeypatch)
        made = delivery().object("Namespace", "tts")["metadata"]
        assert made["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
        assert "delivery-namespace" in {urn.rpartition("::")[2] for urn in found["delivery-application"]}, (
            "it would go before what is in it, and Argo CD would make it again"
        )

    def test_in_the_namespace_it_has_the_services_kinds_only(self) -> None:
        assert project()["namespaceResourceWhitelist"] == [
            {"group": "", "kind": "Service"},
            {"group": "apps", "kind": "Deployment"},
            {"group": "projectcontour.io", "kind": "HTTPProxy"},
        ], "sorted, so that the order in which they are named changes nothing"


class TestApplication:
    def test_it_follows_one_directory_of_one_branch(self) -> None:
        assert application()["spec"]["source"] == {
            "repoURL": "https://git.example.com/acme/speech.git",
            "targetRevision": "main",
            "path": "manifests/prod",
        }
        assert application()["spec"]["destination"]["namespace"] == "tts"

    def test_it_is_in_the_project_and_beside_argo_cd(self) -> None:
        found = delivery(argo_cd_namespace="elsewhere")
        assert found.object("Application", "speech")["spec"]["project"] == "speech", (
            "the default project allows everything"
        )
        namespaces = {found.object(kind, "speech")["metadata"]["namespace"] for kind in KINDS}
        assert namespaces == {"elsewhere"}, "Argo CD looks for both in its own namespace only"

    def test_the_cluster_is_kept_equal_to_git(self) -> None:
        assert application()["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}, (
            "a hand edit, or what git no longer has, would stay"
        )

    def test_fields_of_other_managers_are_left_to_them(self) -> None:
        found = application()
        assert set(found["spec"]["syncPolicy"]["syncOptions"]) == {
            "CreateNamespace=true",
            "ServerSideApply=true",
        }
        assert "annotations" not in found["metadata"], (
            "with server-side diffs Argo CD calls a commit Synced that the API server has refused"
        )
        assert "ignoreDifferences" not in found["spec"], "it would also hide what a person changed"

    def test_a_commit_that_cannot_be_applied_is_not_tried_for_ever(self) -> None:
        retry = application()["spec"]["syncPolicy"]["retry"]
        assert (retry["limit"], retry["backoff"]) == (
            3,
            {"duration": "10s", "factor": 2, "maxDuration": "1m"},
        )

    def test_a_mending_commit_does_not_queue_behind_the_broken_one(self) -> None:
        assert application()["spec"]["syncPolicy"]["retry"]["refresh"] is True, (
            "the retries would go on with the commit that the way back takes back"
        )


KINDS = ("AppProject", "Application")


class TestDestroy:
    def test_what_it_made_goes_with_the_application(self) -> None:
        assert application()["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"], (
            "the service would stay, and nobody would own it"
        )

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_is_waited_for(self, kind: str) -> None:
        annotations = delivery().object(kind, "speech")["metadata"].get("annotations", {})
        assert not [key for key in annotations if key.startswith("pulumi.com/")], (
            "skipAwait skips the wait for the finalizer too, and Argo CD would be gone before it has done its work; "
            "waitFor would hold an update up until a first sync"
        )

    def test_the_project_outlives_the_application(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = dependencies.noted(monkeypatch)
        delivery()
        assert "delivery-project" in {urn.rpartition("::")[2] for urn in found["delivery-application"]}, (
            "without its project Argo CD deletes nothing of an Application's, and the finalizer hangs"
        )
