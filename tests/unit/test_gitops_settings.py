"""What settings of a delivery from git refuse, each with the key, the reason and the way out; and what they become."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from stacks.choices import Delivery
from stacks.gitops_settings import SECRETS
from stacks.load import load
from stacks.placeholders import placeholders
from stacks.problems import Problem
from stacks.settings import Stack
from stacks.state_checks import redelivered
from tests.support import settings

PROD: dict[str, Any] = {
    **settings.PROD,
    # As the profile says; and nothing is a placeholder.
    "delivery": "",
    "domain": "tts.acme.io",
    "image": "registry.acme.io/speech/cosyvoice:1.4.2",
    "acmeEmail": "platform@acme.io",
    "gitRepository": "https://git.acme.io/speech.git",
}
SIGN_IN = {
    "argoCdDomain": "argocd.acme.io",
    "oidcIssuer": "https://login.acme.io",
    "oidcClientId": "argo-cd",
    "oidcClientSecret": "hunter2",
}
ON_AWS = {
    "awsRegion": "eu-central-1",
    "owner": "speech",
    "zones": ["eu-central-1a", "eu-central-1b"],
    "gpuInstanceTypes": ["g6.2xlarge"],
    "gpuNodes": "3",
    "gpuNodesMax": "4",
    "apiCidrs": ["198.51.100.0/24"],
}
SSH = {"gitRepository": "git@git.acme.io:speech.git", "gitSshKey": "hunter2"}


def made(changes: Mapping[str, Any], stack: str = "prod", secret: Collection[str] = SECRETS) -> Stack:
    return load(stack, {**PROD, **changes}, {}, secret)


def problems(
    changes: Mapping[str, Any], stack: str = "prod", secret: Collection[str] = SECRETS
) -> dict[str, Problem]:
    return settings.problems({**PROD, **changes}, stack, secret=secret)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gitToken": "hunter2"},
        SSH,
        {**SSH, "gitRepository": "ssh://git@git.acme.io:2222/speech.git"},
        SIGN_IN,
        {**SIGN_IN, "deployers": ["speech-team"]},
        {"argoCdDomain": "argocd.acme.io", "webhookSecret": "hunter2"},
        {"argoCdHa": "true", **ON_AWS, "edgeNodes": "3"},
        {"gitRevision": "release/1.4", "gitPollSeconds": "60"},
    ],
)
def test_accepted(changes: Mapping[str, Any]) -> None:
    assert problems(changes) == {}


@pytest.mark.parametrize(
    ("key", "changes", "why"),
    [
        ("gitRepository", {"gitRepository": ""}, "Every stack sets this key"),
        ("gitRepository", {"gitRepository": "speech"}, "not the URL of a git repository"),
        (
            "gitRepository",
            {"gitRepository": "https://me:hunter2@git.acme.io/speech.git"},
            "has a credential in it",
        ),
        (
            "gitRepository",
            {**SSH, "gitRepository": "ssh://git:hunter2@git.acme.io/speech.git"},
            "keep the credential in gitSshKey",
        ),
        (
            "gitRepository",
            {**SSH, "gitRepository": "git:hunter2@git.acme.io:speech.git"},
            "has a credential in it",
        ),
        (
            "gitRepository",
            {"gitRepository": "https://me:hunter2/@git.acme.io/speech.git"},
            "not the URL of a git repository",
        ),
        ("gitRepository", {"gitRepository": "http://git.acme.io/speech.git"}, "without TLS"),
        ("gitRevision", {"gitRevision": "main lines"}, "not a branch or a tag"),
        ("gitRevision", {"gitRevision": "a..b"}, "not a branch or a tag"),
        ("gitPollSeconds", {"gitPollSeconds": "5"}, "not from 10 to 86400"),
        ("gitSshKey", {"gitRepository": SSH["gitRepository"]}, "asks for a key"),
        ("gitSshKey", {"gitSshKey": "hunter2"}, "takes a token"),
        ("gitToken", {**SSH, "gitToken": "hunter2"}, "takes a key"),
        ("gitToken", {"gitToken": "  "}, "is blank"),
        ("oidcIssuer", {**SIGN_IN, "oidcIssuer": "login.acme.io"}, "not an https URL"),
        ("argoCdHa", {"argoCdHa": "true", **ON_AWS, "edgeNodes": "2"}, "one would wait for ever"),
        ("oidcClientId", {**SIGN_IN, "oidcClientId": ""}, "is missing"),
        ("oidcClientSecret", {**SIGN_IN, "oidcClientSecret": ""}, "is missing"),
        ("oidcIssuer", {**SIGN_IN, "oidcIssuer": ""}, "is missing"),
        ("argoCdDomain", {**SIGN_IN, "argoCdDomain": ""}, "is missing"),
        ("argoCdDomain", {"argoCdDomain": "tts.acme.io"}, "the speech service's name"),
        ("deployers", {"deployers": ["speech-team"]}, "nobody can"),
        ("webhookSecret", {"webhookSecret": "hunter2"}, "without a name"),
    ],
)
def test_refused(key: str, changes: Mapping[str, Any], why: str) -> None:
    found = problems(changes)
    assert list(found) == [key]
    said = " ".join(found[key].lines)
    assert why in said
    assert "hunter2" not in said, "a refusal is printed, and logged"


class TestSecrets:
    @pytest.mark.parametrize("key", sorted(SECRETS))
    def test_one_in_clear_is_refused_without_its_value(self, key: str) -> None:
        changes = {**SIGN_IN, "webhookSecret": "hunter2", "gitToken": "hunter2"}
        if key == "gitSshKey":
            changes = {**SIGN_IN, **SSH, "webhookSecret": "hunter2"}
        found = problems(changes, secret=SECRETS - {key})
        assert list(found) == [key], "everybody who reads the repository would have it"
        assert f"pulumi config set --secret {key}" in found[key].instead

    def test_one_of_the_wrong_shape_is_not_shown(self) -> None:
        assert list(problems({"gitToken": ["hunter2"]})) == ["gitToken"]

    def test_they_are_not_printed_with_the_settings(self) -> None:
        assert "hunter2" not in repr(made({**SIGN_IN, "gitToken": "hunter2"}))


class TestDelivery:
    def test_production_comes_from_git(self) -> None:
        assert made({}).settings.delivery is Delivery.GITOPS, "what runs is to be what was reviewed"

    def test_direct_asks_for_no_repository(self) -> None:
        assert made({"delivery": "direct", "gitRepository": ""}).gitops is None

    def test_its_keys_are_not_silently_ignored(self) -> None:
        found = problems({"delivery": "direct", "webhookSecret": "hunter2"})
        assert sorted(found) == ["gitRepository", "webhookSecret"]
        assert "delivery gitops only" in found["webhookSecret"].why

    def test_the_embedded_cluster_reads_this_machines_repository(self) -> None:
        local = {"delivery": "gitops", "gitRepository": "http://198.18.0.1:8080/speech.git", "acmeEmail": ""}
        assert problems({**local, "rollout": "surge"}, stack="local") == {}

    @pytest.mark.parametrize(
        ("now", "claims", "applications", "kept"),
        [
            (Delivery.GITOPS, ["outputs"], [], Delivery.DIRECT),
            (Delivery.DIRECT, [], [{}], Delivery.GITOPS),
        ],
    )
    def test_it_stays_while_the_service_is_there(
        self, now: Delivery, claims: list[str], applications: list[object], kept: Delivery
    ) -> None:
        (problem,) = redelivered(now, claims, applications)
        assert problem.key == "delivery"
        assert f"Write delivery: {kept.value}" in problem.instead

    def test_what_stays_is_not_refused(self) -> None:
        assert not list(redelivered(Delivery.GITOPS, [], [{}]))
        assert not list(redelivered(Delivery.DIRECT, ["outputs"], []))
        assert not list(redelivered(Delivery.GITOPS, [], []))


def test_a_placeholder_is_nobodys_repository() -> None:
    stack = made({"gitRepository": "https://git.example.com/speech.git"})
    assert [problem.key for problem in placeholders(stack)] == ["gitRepository"]
