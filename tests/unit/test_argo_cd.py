"""Argo CD's manifest after our changes. Needs the pinned manifests in the cache, or the network."""

import base64
import copy
import csv
import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from lupa import lua51  # type: ignore[import-untyped]  # it is a binding to C, and brings no types
from pulumi.runtime import rpc

from components.argo_access import OidcSignIn
from components.argo_cd import ArgoCd, ArgoCdArgs
from components.argo_secrets import GitCredential
from components.argo_workloads import ArgoCdResources, ContainerResources, run
from components.edge import Exposure
from components.upstream.objects import KubernetesObject, parse_manifest
from components.upstream.pin import Upstream
from components.upstream.source import UpstreamError, UpstreamStore
from stacks.versions import ARGO_CD, ARGO_CD_HA
from tests.support import dependencies
from tests.support.recording import Recorded, Recording, record

ARGS = ArgoCdArgs(
    upstream=ARGO_CD,
    store=UpstreamStore(),
    issuer_name="in-cluster-ca",
    acme=False,
    exposure=Exposure.HOST_PORT,
)
OIDC = OidcSignIn(issuer="https://sso.example.com", client_id="argo-cd", client_secret="the client's secret")  # noqa: S106
DOMAIN = "argocd.example.com"
BOTH = pytest.mark.parametrize("upstream", [ARGO_CD, ARGO_CD_HA], ids=["install", "ha"])


@functools.cache
def manifest(path: Path) -> list[KubernetesObject]:
    objects = parse_manifest(path)
    for item in objects:
        if item["kind"] == "CustomResourceDefinition":
            # A megabyte of schemas, which we do not touch, and which takes a second to register.
            item["spec"]["versions"] = []
    return objects


@pytest.fixture(autouse=True)
def _manifests_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.argo_cd.parse_manifest", lambda path: copy.deepcopy(manifest(path)))


def argo_cd(**changes: Any) -> Recording:
    def program() -> None:
        ArgoCd("argo-cd", replace(ARGS, **changes))

    return record(program)


def settings(name: str = "argocd-cm", **changes: Any) -> Mapping[str, str]:
    data: Mapping[str, str] = argo_cd(**changes).object("ConfigMap", name)["data"]
    return data


def decoded(recording: Recording, name: str) -> dict[str, str]:
    data = recording.object("Secret", name)["data"]
    return {key: base64.b64decode(value).decode() for key, value in rpc.unwrap_rpc_secret(data).items()}


def workloads(recording: Recording) -> dict[str, Any]:
    found = [*recording.objects("Deployment"), *recording.objects("StatefulSet")]
    return {item["metadata"]["name"]: item["spec"]["template"]["spec"] for item in found}


def containers(recording: Recording) -> Iterator[Any]:
    for pod in workloads(recording).values():
        yield from [*pod.get("initContainers", []), *pod["containers"]]


class TestManifests:
    @pytest.mark.parametrize("tool", ["kustomize", "helm", "jsonnet"])
    def test_they_are_plain(self, tool: str) -> None:
        assert settings()[f"{tool}.enable"] == "false", (
            "a file in the manifests' directory could run code in the repo server, and fetch from anywhere"
        )


class TestLeftOut:
    @BOTH
    @pytest.mark.parametrize("controller", ["dex", "applicationset", "notifications"])
    def test_with_everything_that_is_theirs(self, upstream: Upstream, controller: str) -> None:
        found = [item.name for item in argo_cd(upstream=upstream).resources if controller in item.name]
        crds = [name for name in found if "customresourcedefinition" in name]
        assert set(found) == set(crds), (
            "a role without its controller is a right that nobody uses, and anybody can take"
        )

    def test_the_server_still_lists_application_sets(self) -> None:
        assert argo_cd().object("CustomResourceDefinition", "applicationsets.argoproj.io")

    def test_notifications_can_be_had(self) -> None:
        recording = argo_cd(notifications=True)
        assert "argocd-notifications-controller" in workloads(recording)
        assert recording.object("ConfigMap", "argocd-notifications-cm")
        assert "data" not in recording.object("Secret", "argocd-notifications-secret"), (
            "what the team keeps in it would be taken away by the next update"
        )


class TestWorkloads:
    @BOTH
    def test_every_pod_is_on_an_edge_node(self, upstream: Upstream) -> None:
        for name, pod in workloads(argo_cd(upstream=upstream, notifications=True)).items():
            assert pod["nodeSelector"] == {"tts-platform/pool": "edge"}, (
                f"{name} would take room on a GPU node"
            )

    @BOTH
    def test_every_container_is_bounded_and_without_privileges(self, upstream: Upstream) -> None:
        for pod in workloads(argo_cd(upstream=upstream, notifications=True)).values():
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        found = list(containers(argo_cd(upstream=upstream, notifications=True)))
        assert len(found) > 6
        for item in found:
            assert item["resources"]["requests"].keys() == {"cpu", "memory"}
            assert item["resources"]["limits"]["memory"], "one leak would evict Envoy beside it"
            assert item["securityContext"]["allowPrivilegeEscalation"] is False
            assert item["securityContext"]["capabilities"] == {"drop": ["ALL"]}

    @BOTH
    def test_a_node_that_has_the_image_asks_no_registry(self, upstream: Upstream) -> None:
        policies = {item["imagePullPolicy"] for item in containers(argo_cd(upstream=upstream))}
        assert policies == {"IfNotPresent"}, "Argo CD would not start while its registry is away"

    @BOTH
    def test_a_mirror_serves_every_image(self, upstream: Upstream) -> None:
        recording = argo_cd(upstream=upstream, image_registry="mirror.example.com")
        hosts = {item["image"].partition("/")[0] for item in containers(recording)}
        assert hosts == {"mirror.example.com"}

    def test_an_environment_says_what_each_may_take(self) -> None:
        resources = ArgoCdResources(
            controller=ContainerResources(cpu="2", memory="3Gi", memory_limit="4Gi"),
        )
        pod = workloads(argo_cd(resources=resources))["argocd-application-controller"]
        assert pod["containers"][0]["resources"] == {
            "requests": {"cpu": "2", "memory": "3Gi"},
            "limits": {"memory": "4Gi"},
        }

    def test_a_container_that_nobody_knows_is_an_error(self) -> None:
        pod = {"containers": [{"name": "sidecar", "image": "acme/sidecar:1"}]}
        workload = {"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {"spec": pod}}}
        with pytest.raises(UpstreamError, match="sidecar"):
            run([workload], ArgoCdResources())

    def test_a_drain_takes_one_of_several(self) -> None:
        recording = argo_cd(upstream=ARGO_CD_HA)
        budgets = {
            item["metadata"]["name"]: item["spec"] for item in recording.objects("PodDisruptionBudget")
        }
        assert budgets.keys() == {
            "argocd-server",
            "argocd-repo-server",
            "argocd-redis-ha-server",
            "argocd-redis-ha-haproxy",
        }
        for name, budget in budgets.items():
            (workload,) = [
                item
                for kind in ("Deployment", "StatefulSet")
                for item in recording.objects(kind)
                if item["metadata"]["name"] == name
            ]
            assert budget == {"maxUnavailable": 1, "selector": workload["spec"]["selector"]}
        assert not argo_cd().objects("PodDisruptionBudget"), "a budget for a single pod stops every drain"

    @pytest.mark.parametrize("name", ["argocd-server", "argocd-repo-server", "argocd-application-controller"])
    def test_new_settings_make_new_pods_where_they_are_read_once(self, name: str) -> None:
        def checksum(**changes: Any) -> str:
            recording = argo_cd(**changes)
            found = [*recording.objects("Deployment"), *recording.objects("StatefulSet")]
            (template,) = [item["spec"]["template"] for item in found if item["metadata"]["name"] == name]
            value: str = template["metadata"]["annotations"]["tts-platform/configuration"]
            return value

        assert checksum() != checksum(poll_seconds=60), (
            "the old interval would go on until somebody restarts the pod"
        )
        assert checksum() == checksum(webhook_secret="s"), "what the server watches needs no restart"  # noqa: S106


class TestNamespace:
    @BOTH
    def test_everything_in_one_is_in_argo_cds(self, upstream: Upstream) -> None:
        recording = argo_cd(upstream=upstream, domain=DOMAIN)
        without = {
            kind_of(item)
            for item in recording.resources
            if item.type.startswith("kubernetes:") and item.inputs["metadata"].get("namespace") != "argocd"
        }
        assert without == {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}, (
            "the manifest names no namespace, and Pulumi's default is `default`"
        )

    def test_it_admits_no_privileged_pod(self) -> None:
        labels = argo_cd().object("Namespace", "argocd")["metadata"]["labels"]
        assert labels == {"pod-security.kubernetes.io/enforce": "restricted"}


def kind_of(item: Recorded) -> str:
    return item.type.rpartition(":")[2]


class TestNetwork:
    def server_ingress(self, **changes: Any) -> Any:
        policy = argo_cd(**changes).object("NetworkPolicy", "argocd-server-network-policy")
        return policy["spec"]["ingress"]

    def test_nobody_outside_the_cluster_reaches_the_server_past_envoy(self) -> None:
        assert {} not in self.server_ingress(), "an empty rule lets in everybody"
        sources = [source for rule in self.server_ingress() for source in rule["from"]]
        assert all(source == {"namespaceSelector": {}} for source in sources)

    def test_an_envoy_in_its_nodes_network_gets_an_answer(self) -> None:
        http, metrics = self.server_ingress(
            domain=DOMAIN, exposure=Exposure.HOST_NETWORK, edge_cidrs=("198.18.0.0/24",)
        )
        assert http["from"] == [{"namespaceSelector": {}}, {"ipBlock": {"cidr": "198.18.0.0/24"}}], (
            "no selector of pods matches it"
        )
        assert http["ports"] == [{"port": 8080, "protocol": "TCP"}]
        assert metrics["from"] == [{"namespaceSelector": {}}], "Envoy has no business with the metrics"

    @pytest.mark.parametrize(
        "changes",
        [
            {"exposure": Exposure.HOST_NETWORK},
            {"exposure": Exposure.HOST_PORT, "domain": DOMAIN},
        ],
        ids=["no route", "no node's address"],
    )
    def test_nodes_are_let_in_only_where_envoy_has_their_address(self, changes: dict[str, Any]) -> None:
        http, _ = self.server_ingress(edge_cidrs=("198.18.0.0/24",), **changes)
        assert http["from"] == [{"namespaceSelector": {}}]


class TestRoute:
    def proxy(self, **changes: Any) -> Any:
        return argo_cd(domain=DOMAIN, **changes).object("HTTPProxy", "argocd")

    def test_without_a_name_there_is_none(self) -> None:
        recording = argo_cd()
        assert not recording.objects("HTTPProxy")
        assert not recording.objects("Certificate")
        assert "url" not in recording.object("ConfigMap", "argocd-cm")["data"]

    def test_tls_ends_at_envoy(self) -> None:
        recording = argo_cd(domain=DOMAIN)
        certificate = recording.object("Certificate", "argocd")["spec"]
        host = recording.object("HTTPProxy", "argocd")["spec"]["virtualhost"]
        assert certificate["dnsNames"] == [host["fqdn"]] == [DOMAIN]
        assert host["tls"] == {"secretName": certificate["secretName"], "minimumProtocolVersion": "1.2"}
        assert certificate["secretName"] != "argocd-server-tls", "the server would take it for its own"
        assert certificate["issuerRef"] == {"name": "in-cluster-ca", "kind": "ClusterIssuer"}
        parameters = recording.object("ConfigMap", "argocd-cmd-params-cm")["data"]
        assert parameters["server.insecure"] == "true", (
            "the server would answer each request with a redirect to itself"
        )

    def test_the_command_line_gets_through(self) -> None:
        routes = self.proxy()["spec"]["routes"]
        (grpc,) = [route for route in routes if any("header" in item for item in route["conditions"])]
        assert {"header": {"name": "Content-Type", "contains": "application/grpc"}} in grpc["conditions"]
        assert grpc["services"] == [{"name": "argocd-server", "port": 80, "protocol": "h2c"}], (
            "Envoy turns gRPC-web into gRPC, which the server understands by HTTP/2 only"
        )

    def test_an_application_can_be_followed_for_as_long_as_one_likes(self) -> None:
        served = [route for route in self.proxy(webhook_secret="s")["spec"]["routes"] if "services" in route]  # noqa: S106
        assert len(served) == 2
        assert {route["timeoutPolicy"]["response"] for route in served} == {"infinity"}

    def test_webhooks_that_nobody_could_know_are_refused(self) -> None:
        def refused(**changes: Any) -> list[Any]:
            routes = self.proxy(**changes)["spec"]["routes"]
            return [route["conditions"] for route in routes if "directResponsePolicy" in route]

        assert refused() == [[{"prefix": "/api/webhook"}]], (
            "anybody could have the repository fetched all day"
        )
        assert refused(webhook_secret="s") == []  # noqa: S106

    @pytest.mark.parametrize("kind", ["Certificate", "HTTPProxy"])
    def test_only_a_signer_in_the_cluster_is_waited_for(self, kind: str) -> None:
        def annotations(*, acme: bool) -> Any:
            return argo_cd(domain=DOMAIN, acme=acme).object(kind, "argocd")["metadata"]["annotations"]

        assert "pulumi.com/waitFor" in annotations(acme=False)
        assert annotations(acme=True) == {}, "DNS points here only after the first update has ended"

    def test_it_comes_after_the_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = dependencies.noted(monkeypatch)
        argo_cd(domain=DOMAIN)
        after = {urn.rpartition("::")[2] for urn in found["argo-cd-route"]}
        assert "argo-cd-service-argocd-argocd-server" in after, (
            "a proxy to a Service that is not there is invalid"
        )

    @pytest.mark.parametrize(("port", "url"), [(443, f"https://{DOMAIN}"), (8443, f"https://{DOMAIN}:8443")])
    def test_argo_cd_knows_its_own_address(self, port: int, url: str) -> None:
        assert settings(domain=DOMAIN, https_port=port)["url"] == url, (
            "who has signed in would be sent elsewhere"
        )


def rules(**changes: Any) -> list[list[str]]:
    # As Argo CD reads it.
    text = settings("argocd-rbac-cm", **changes)["policy.csv"]
    return list(csv.reader(text.splitlines(), skipinitialspace=True))


class TestAccess:
    def test_who_has_not_signed_in_sees_nothing(self) -> None:
        assert settings()["users.anonymous.enabled"] == "false"

    def test_who_has_signed_in_may_look(self) -> None:
        assert settings("argocd-rbac-cm")["policy.default"] == "role:readonly"

    def test_a_deployer_may_sync_and_nothing_else(self) -> None:
        allowed = [rule[2:] for rule in rules() if rule[:2] == ["p", "role:deployer"]]
        assert allowed == [
            ["applications", "get", "speech/*", "allow"],
            ["applications", "sync", "speech/*", "allow"],
        ], "what runs is said in git; every further right is a way around it"
        assert {rule[1] for rule in rules() if rule[0] == "p"} == {"role:deployer"}

    def test_deployers_are_the_providers_groups(self) -> None:
        found = [
            rule
            for rule in rules(domain=DOMAIN, oidc=OIDC, deployers=("speech", "on-call"))
            if rule[0] == "g"
        ]
        assert found == [["g", "speech", "role:deployer"], ["g", "on-call", "role:deployer"]]
        assert "accounts.deployer" not in settings(domain=DOMAIN, oidc=OIDC), (
            "a second way in, past the provider"
        )

    def test_a_groups_name_makes_no_policy(self) -> None:
        name = "evil, role:admin\ng, evil"
        groups = [
            rule for rule in rules(domain=DOMAIN, oidc=OIDC, deployers=("x, role:admin",)) if rule[0] == "g"
        ]
        assert groups == [["g", "x, role:admin", "role:deployer"]]
        with pytest.raises(ValueError, match="line"):
            argo_cd(domain=DOMAIN, oidc=OIDC, deployers=(name,))

    def test_without_a_provider_a_deployer_has_a_token(self) -> None:
        assert settings()["accounts.deployer"] == "apiKey", "a password would be one more to lose"
        assert ["g", "deployer", "role:deployer"] in rules()

    @pytest.mark.parametrize(("admin", "written"), [(True, "true"), (False, "false")])
    def test_the_admin_can_be_switched_off(self, admin: bool, written: str) -> None:
        assert settings(admin=admin, oidc=OIDC, domain=DOMAIN)["admin.enabled"] == written

    def test_the_provider_is_asked_directly(self) -> None:
        found = yaml.safe_load(settings(domain=DOMAIN, oidc=OIDC)["oidc.config"])
        assert (found["issuer"], found["clientID"]) == ("https://sso.example.com", "argo-cd")
        assert found["clientSecret"] == "$oidc.clientSecret"
        assert "groups" in found["requestedScopes"], "nobody would be known to be a deployer"
        assert "dex.config" not in settings(domain=DOMAIN, oidc=OIDC)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"oidc": OIDC}, "sent back"),
            ({"deployers": ("speech",), "domain": DOMAIN}, "groups"),
            ({"admin": False, "domain": DOMAIN}, "nobody could sign in"),
            ({"exposure": Exposure.HOST_NETWORK, "domain": DOMAIN}, "CIDRs"),
        ],
    )
    def test_what_could_not_work_is_refused(self, changes: dict[str, Any], reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            argo_cd(**changes)


class TestSecrets:
    WEBHOOK = "the webhook's secret"
    TOKEN = "the token"  # noqa: S105 - one for a test
    KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nof a test\n"
    HTTPS = GitCredential(url="https://git.example.com/acme/speech.git", token=TOKEN)
    SSH = GitCredential(url="git@git.example.com:acme/speech.git", ssh_key=KEY)

    @pytest.mark.parametrize("repository", [HTTPS, SSH], ids=["token", "key"])
    def test_pulumi_knows_that_they_are(self, repository: GitCredential) -> None:
        recording = argo_cd(domain=DOMAIN, oidc=OIDC, webhook_secret=self.WEBHOOK, repository=repository)
        for name in ("argocd-secret", "argocd-repository"):
            assert rpc.is_rpc_secret(recording.object("Secret", name)["data"]), (
                "the state would hold it in the clear, and every preview print it"
            )
        elsewhere = repr([item for item in recording.resources if kind_of(item) != "Secret"])
        for value in (str(OIDC.client_secret), self.WEBHOOK, self.TOKEN, "of a test"):
            assert value not in elsewhere, "a ConfigMap is for everybody to read"
            assert base64.b64encode(value.encode()).decode() not in elsewhere

    def test_what_the_server_makes_is_the_servers(self) -> None:
        assert "data" not in argo_cd().object("Secret", "argocd-secret"), (
            "an empty map would be a claim to all of it"
        )
        ours = decoded(argo_cd(domain=DOMAIN, oidc=OIDC, webhook_secret=self.WEBHOOK), "argocd-secret")
        assert not {"server.secretkey", "admin.password", "admin.passwordMtime"} & ours.keys(), (
            "each update would end every session, or set the password back"
        )
        assert ours["oidc.clientSecret"] == OIDC.client_secret

    def test_no_forge_gets_in_without_the_secret(self) -> None:
        ours = decoded(argo_cd(webhook_secret=self.WEBHOOK), "argocd-secret")
        webhooks = {key: value for key, value in ours.items() if key.startswith("webhook.")}
        names = {"webhook.azuredevops.username"}
        # As Argo CD 3.2 looks them up, in util/settings/settings.go.
        assert webhooks.keys() - names == {
            "webhook.github.secret",
            "webhook.gitlab.secret",
            "webhook.gogs.secret",
            "webhook.bitbucket.uuid",
            "webhook.bitbucketserver.secret",
            "webhook.azuredevops.password",
        }, "it asks for none where it has none: who claims to be that forge is let in"
        assert {webhooks[key] for key in webhooks.keys() - names} == {self.WEBHOOK}

    def test_a_token_reads_by_https(self) -> None:
        assert decoded(argo_cd(repository=self.HTTPS), "argocd-repository") == {
            "type": "git",
            "url": "https://git.example.com/acme/speech.git",
            "project": "speech",
            "username": "git",
            "password": self.TOKEN,
        }

    def test_a_key_reads_by_ssh(self) -> None:
        found = decoded(argo_cd(repository=self.SSH), "argocd-repository")
        assert found["sshPrivateKey"] == self.KEY
        assert not {"username", "password"} & found.keys()

    def test_argo_cd_finds_the_credential_by_its_label(self) -> None:
        labels = argo_cd(repository=self.HTTPS).object("Secret", "argocd-repository")["metadata"]["labels"]
        assert labels == {"argocd.argoproj.io/secret-type": "repository"}

    def test_a_secret_that_is_known_later_is_one_too(self) -> None:
        recording = argo_cd(repository=replace(self.HTTPS, token=pulumi.Output.from_input(self.WEBHOOK)))
        assert rpc.is_rpc_secret(recording.object("Secret", "argocd-repository")["data"])
        assert decoded(recording, "argocd-repository")["password"] == self.WEBHOOK

    def test_a_public_repository_has_none(self) -> None:
        assert [item["metadata"]["name"] for item in argo_cd().objects("Secret")] == ["argocd-secret"]

    @pytest.mark.parametrize("both", [{}, {"token": TOKEN, "ssh_key": KEY}], ids=["neither", "both"])
    def test_one_way_to_read_and_no_other(self, both: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="one of the two"):
            GitCredential(url="https://git.example.com/acme/speech.git", **both)


class TestReconciliation:
    def test_git_is_asked_as_often_as_was_said(self) -> None:
        assert settings(poll_seconds=30)["timeout.reconciliation"] == "30s"
        assert settings()["timeout.reconciliation"] == "180s"
        assert settings()["timeout.reconciliation.jitter"] == "0s", "up to a minute would come on top of it"

    def test_what_is_argo_cds_is_marked_by_an_annotation(self) -> None:
        assert settings()["application.resourceTrackingMethod"] == "annotation", (
            "a label is copied to what controllers make, and that would be pruned"
        )

    def test_upstreams_own_settings_stay(self) -> None:
        assert "resource.exclusions" in settings()


def health(kind: str, condition: Mapping[str, Any] | None) -> tuple[str, str | None]:
    """What the script for `kind` says of an object of generation 2 with this status, run by Lua 5.1 as in Argo CD."""
    script = settings()[f"resource.customizations.health.{kind}"]
    lua = lua51.LuaRuntime(unpack_returned_tuples=True)
    live: dict[str, Any] = {"metadata": {"generation": 2}}
    if condition is not None:
        live["status"] = condition
    lua.globals().obj = lua.table_from(live, recursive=True)
    answer = lua.execute(script)
    return answer.status, answer.message


class TestHttpProxyHealth:
    KIND = "projectcontour.io_HTTPProxy"

    def status(self, current: str, generation: int = 2, **condition: Any) -> dict[str, Any]:
        valid = {"type": "Valid", "observedGeneration": generation, **condition}
        return {"currentStatus": current, "description": f"It is {current}", "conditions": [valid]}

    def test_valid_is_served(self) -> None:
        assert health(self.KIND, self.status("valid", status="True")) == ("Healthy", "It is valid")

    def test_a_word_on_an_older_spec_is_none(self) -> None:
        found, _ = health(self.KIND, self.status("valid", generation=1, status="True"))
        assert found == "Progressing", "a new route would be called served before Envoy has it"
        found, _ = health(self.KIND, self.status("invalid", generation=1, status="False"))
        assert found == "Progressing", "the commit that mends it would fail for what it mends"

    @pytest.mark.parametrize("current", ["invalid", "orphaned"])
    def test_refused_is_degraded(self, current: str) -> None:
        assert health(self.KIND, self.status(current, status="False")) == ("Degraded", f"It is {current}")

    def test_it_says_which_part_is_refused(self) -> None:
        errors = [{"message": "service not found"}, {"message": "secret not found"}]
        found = health(self.KIND, self.status("invalid", status="False", errors=errors))
        assert found == ("Degraded", "service not found; secret not found"), "`see Errors` is no reason"

    @pytest.mark.parametrize(
        "status", [None, {}, {"currentStatus": "NotReconciled", "description": "Waiting"}]
    )
    def test_before_contour_has_looked_it_is_on_its_way(self, status: dict[str, Any] | None) -> None:
        assert health(self.KIND, status) == ("Progressing", "Waiting for Contour")


class TestCertificateHealth:
    KIND = "cert-manager.io_Certificate"

    def condition(self, kind: str, status: str, **more: Any) -> dict[str, Any]:
        return {
            "type": kind,
            "status": status,
            "message": f"{kind} {status}",
            "observedGeneration": 2,
            **more,
        }

    def health(self, *conditions: dict[str, Any]) -> tuple[str, str | None]:
        return health(self.KIND, {"conditions": list(conditions)})

    def test_ready_is_served(self) -> None:
        assert self.health(self.condition("Ready", "True")) == ("Healthy", "Ready True")

    def test_a_renewal_goes_on_serving(self) -> None:
        found = self.health(self.condition("Issuing", "True"), self.condition("Ready", "True"))
        assert found == ("Healthy", "Ready True"), (
            "an application that serves would be called unwell every two months"
        )

    def test_ready_for_an_older_name_is_not(self) -> None:
        found, _ = self.health(self.condition("Ready", "True", observedGeneration=1))
        assert found == "Progressing"

    def test_an_order_under_way_is_on_its_way(self) -> None:
        found = self.health(self.condition("Ready", "False"), self.condition("Issuing", "True"))
        assert found == ("Progressing", "Issuing True")

    def test_one_that_was_made_a_moment_ago_has_not_failed(self) -> None:
        found, _ = self.health(self.condition("Ready", "False", reason="DoesNotExist"))
        assert found == "Progressing", "a sync that meets Degraded gives up"

    def test_an_order_that_failed_says_why(self) -> None:
        ready = self.condition("Ready", "False", reason="DoesNotExist")
        found = self.health(ready, self.condition("Issuing", "False", message="DNS problem: NXDOMAIN"))
        assert found == ("Degraded", "DNS problem: NXDOMAIN")

    def test_an_expired_one_is_degraded(self) -> None:
        assert self.health(self.condition("Ready", "False", reason="Expired")) == ("Degraded", "Ready False")

    @pytest.mark.parametrize("status", [None, {}, {"conditions": []}])
    def test_before_cert_manager_has_looked_it_is_on_its_way(self, status: dict[str, Any] | None) -> None:
        assert health(self.KIND, status) == ("Progressing", "Waiting for cert-manager")
