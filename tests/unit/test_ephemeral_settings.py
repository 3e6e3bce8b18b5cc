"""What an ephemeral stack takes over from its platform's, what it refuses, and how long it lives."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import ops.ephemeral_platform
from ops import stack_file
from ops.ephemeral_life import duration, ends, left
from ops.ephemeral_platform import SHARED, Platform, bring_kubeconfig, platform
from ops.errors import OpsError
from ops.workspace import OwnBackend
from stacks.ephemeral_checks import name_problems
from stacks.ephemeral_settings import EphemeralSettings, moment, moment_text
from stacks.load import load
from stacks.settings import StackSettings
from tests.support import settings
from tests.support.project import ROOT

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SOON = moment_text(datetime.now(UTC) + timedelta(hours=8))

TRIAL: Mapping[str, Any] = {
    "domain": "trial.tts-dev.example.com",
    "engine": "espeak",
    "image": "registry.example.com/speech/espeak:1.0.0",
    "replicas": "1",
    "gpusPerPod": "1",
    "outputsSize": "1Gi",
    "namespace": "tts-trial",
    "httpsPort": "443",
    "platform": "dev",
    "expires": SOON,
    "stateId": "0123456789abcdef",
}

REFUSED: list[tuple[str, Mapping[str, Any], str]] = [
    ("platform", {"platform": "prod"}, "is production"),
    ("platform", {"platform": "qa"}, "is no stack with a platform"),
    ("platform", {"platform": ""}, "Every stack sets this key itself"),
    ("expires", {"expires": ""}, "Every stack sets this key itself"),
    ("expires", {"expires": "tomorrow"}, "is not a time in UTC"),
    ("expires", {"expires": "2026-02-30T00:00:00Z"}, "is not a time in UTC"),
    ("expires", {"expires": "2026-01-31T18:00:00+01:00"}, "is not a time in UTC"),
    ("expires", {"expires": "2999-01-01T00:00:00Z"}, "more than a week away"),
    ("stateId", {"stateId": ""}, "Every stack sets this key itself"),
    ("namespace", {"namespace": "tts"}, "is not this stack's own"),
    ("deletionProtection", {"deletionProtection": "true"}, "for ever"),
    ("awsRegion", {"awsRegion": "eu-central-1"}, "never on AWS"),
]


class TestRefusals:
    def test_as_it_is_it_will_do(self) -> None:
        assert settings.problems(TRIAL, "ephemeral-trial") == {}

    @pytest.mark.parametrize(("key", "changes", "why"), REFUSED, ids=[str(row[1]) for row in REFUSED])
    def test_refused(self, key: str, changes: Mapping[str, Any], why: str) -> None:
        assert why in settings.problems({**TRIAL, **changes}, "ephemeral-trial")[key].why

    @pytest.mark.parametrize("name", ["Trial", "a_b", "-a", "a-", "a.b", "", "ä", "a" * 60])
    def test_names_that_are_no_host(self, name: str) -> None:
        assert list(name_problems(name)), "the API server would say so, half way"
        values = {**TRIAL, "namespace": f"tts-{name}"}
        assert "(name)" in settings.problems(values, f"ephemeral-{name}"), (
            "pulumi up by hand goes past the command"
        )

    def test_a_name_and_a_domain_that_are_too_long_together(self) -> None:
        domain = ".".join(["a" * 62] * 4)
        assert not list(name_problems("a", domain[:200]))
        assert "more than 253 characters" in next(name_problems("trial", domain)).why

    @pytest.mark.parametrize("key", ["platform", "expires", "stateId"])
    def test_its_keys_are_no_other_stacks(self, key: str) -> None:
        found = settings.problems({**settings.PROD, key: TRIAL[key]})
        assert "an ephemeral stack only" in found[key].why, "a stack that lasts would seem to end"

    def test_its_end_is_a_time(self) -> None:
        made = load("ephemeral-trial", TRIAL, {})
        assert made.ephemeral is not None
        assert moment_text(made.ephemeral.expires) == SOON
        assert load("prod", settings.PROD, {}).ephemeral is None


class TestPlatform:
    OWN = frozenset({"domain", "namespace", "replicas", "snapshots", "clusterServer", "image"})
    """What an ephemeral stack has of its own; and the image, which an option may replace."""

    NOT_OURS = frozenset(
        {
            # What is installed is the platform's.
            "certManagerVersion",
            "imageRegistry",
            "upstreamDir",
            # One replica is replaced in place.
            "rollout",
            # No snapshots are taken, and none is restored but the platform's, which an option asks for.
            "snapshotDriver",
            "snapshotSchedule",
            "snapshotTimeZone",
            "snapshotsKept",
            "snapshotMinutes",
            "snapshotImage",
            "restoreFrom",
            "weightsFrom",
            "outputsFrom",
            # As the profile has them.
            "deletionProtection",
            "delivery",
        }
    )

    @pytest.fixture(autouse=True)
    def _state(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ops.ephemeral_platform, "STATE", tmp_path / "state")
        monkeypatch.setenv("HOME", str(tmp_path))

    def of(self, name: str, outputs: Mapping[str, Any], **changes: Any) -> Platform:
        stack = stack_file.read(ROOT, name, None, **changes)
        return Platform(stack=stack, backend=OwnBackend(name), outputs=dict(outputs))

    def test_every_key_is_decided_on(self) -> None:
        keys = {str(info.alias) for info in StackSettings.model_fields.values()}
        assert keys == {*SHARED} | self.OWN | self.NOT_OURS, (
            "a new key would be lost on the way, or copied unseen"
        )

    def test_they_load_on_aws(self, tmp_path: Path) -> None:
        found = self.of(
            "dev",
            {"cluster_server": "https://eks.invalid", "kubeconfig": "of the cluster"},
            weightsSize="50Gi",
        )
        made = found.settings("trial")
        own = {"expires": SOON, "stateId": "0"}
        stack = load("ephemeral-trial", {"httpsPort": "443", **made, **own}, {})
        assert stack.settings.domain == "trial.tts-dev.example.com"
        assert stack.settings.storage_class == "tts-ebs-gp3", "the cluster has no default class"
        assert stack.settings.issuer.value == "letsencrypt-staging"
        assert stack.settings.weights_size == "50Gi"
        assert stack.settings.replicas == 1
        file = tmp_path / "state/ephemeral/kubeconfig-dev"
        assert file.read_text() == "of the cluster"
        assert file.stat().st_mode & 0o077 == 0
        assert made["kubeconfig"] == "~/state/ephemeral/kubeconfig-dev", (
            "a path of this machine would be no other's"
        )

    def test_what_an_engine_needs_arrives_as_it_was(self) -> None:
        custom = {
            "port": 8091,
            "speechPath": "/v1/audio/speech",
            "outputsPath": "/outputs",
            "user": 10001,
            "cpuRequest": "100m",
            "memoryRequest": "128Mi",
            "memoryLimit": "256Mi",
            "pullSeconds": 5,
            "startupSeconds": 5,
            "synthesisSeconds": 30,
            "environment": {"A": "1"},
        }
        inference = {"MAX_STREAMS": "4"}
        found = self.of(
            "local",
            {"cluster_server": "https://it"},
            engine="custom",
            customEngine=custom,
            inference=inference,
        )
        made = {**found.settings("trial"), "expires": SOON, "stateId": "0"}
        assert load("ephemeral-trial", made, {}).engine == found.stack.engine
        assert made["inference"] == inference

    @pytest.mark.parametrize(
        ("name", "why"), [("prod", "is production"), ("qa", "is no stack"), ("../local", "is no stack")]
    )
    def test_refused(self, name: str, why: str) -> None:
        with pytest.raises(OpsError, match=why):
            platform(name, "default")


class TestKubeconfig:
    SERVER = "https://eks.invalid"

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "state/kubeconfig-dev"

    @pytest.fixture(autouse=True)
    def _outputs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        outputs = {"cluster_server": self.SERVER, "kubeconfig": self.text(self.SERVER)}
        monkeypatch.setattr(ops.ephemeral_platform, "_outputs", lambda *_: outputs)

    def text(self, server: str) -> str:
        clusters = [{"name": "it", "cluster": {"server": server}}]
        contexts = [{"name": "it", "context": {"cluster": "it", "user": "me"}}]
        return yaml.safe_dump({"clusters": clusters, "contexts": contexts})

    def test_a_machine_without_it_gets_it(self, file: Path) -> None:
        bring_kubeconfig("dev", str(file), self.SERVER)
        assert file.read_text() == self.text(self.SERVER)
        assert file.stat().st_mode & 0o077 == 0

    def test_one_of_a_cluster_that_was_is_written_anew(self, file: Path) -> None:
        file.parent.mkdir()
        file.write_text(self.text("https://before.invalid"))
        bring_kubeconfig("dev", str(file), self.SERVER)
        assert file.read_text() == self.text(self.SERVER), (
            "this machine could end no stack of today's cluster"
        )

    def test_one_that_leads_there_asks_nobody(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file.parent.mkdir()
        file.write_text(self.text(self.SERVER))
        monkeypatch.setattr(ops.ephemeral_platform, "_outputs", None)
        bring_kubeconfig("dev", str(file), self.SERVER)

    def test_a_persons_own_is_left_alone(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ops.ephemeral_platform, "_outputs", lambda *_: {"cluster_server": self.SERVER})
        bring_kubeconfig("dev", str(file), self.SERVER)
        assert not file.exists(), "stack dev has made no cluster, so that the file is somebody's"


class TestLife:
    @pytest.mark.parametrize(
        ("text", "hours"), [("90m", 1.5), ("8h", 8), ("2d", 48), ("7d", 168), ("168h", 168), ("10080m", 168)]
    )
    def test_durations(self, text: str, hours: float) -> None:
        assert duration(text) == timedelta(hours=hours)

    @pytest.mark.parametrize(
        "text", ["", "8", "h", "0h", "-1h", "8 h", "1w", "8h30m", "1.5h", "8H", "nan", "9" * 30 + "h"]
    )
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(OpsError, match="no time to live"):
            duration(text)

    @pytest.mark.parametrize("text", ["8d", "169h", "10081m", "999999d"])
    def test_a_week_is_the_most(self, text: str) -> None:
        with pytest.raises(OpsError, match="more than a week"):
            duration(text)

    def test_an_update_that_says_nothing_of_it_never_shortens_it(self) -> None:
        later = NOW + timedelta(days=2)
        assert ends(NOW, timedelta(hours=8), later, at_least=True) == later
        assert ends(NOW, timedelta(hours=8), later, at_least=False) == NOW + timedelta(hours=8)
        assert ends(NOW, timedelta(hours=8), None, at_least=True) == NOW + timedelta(hours=8)
        assert ends(NOW, timedelta(hours=8), NOW - timedelta(days=1), at_least=True) > NOW

    def test_in_words(self) -> None:
        assert left(NOW + timedelta(hours=50), NOW) == "2 d 2 h"
        assert left(NOW + timedelta(minutes=90), NOW) == "1 h 30 min"
        assert left(NOW + timedelta(minutes=9), NOW) == "9 min"
        assert left(NOW, NOW) == "expired"

    def test_a_moment_is_written_as_it_is_read(self) -> None:
        assert moment_text(EphemeralSettings(platform="dev", expires=SOON, stateId="0").expires) == SOON  # type: ignore[arg-type, call-arg]  # by alias, and not read yet
        assert moment("2026-01-31T12:00:00Z") == NOW
