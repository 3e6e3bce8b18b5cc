"""What settings become, and where each of their facts has its one home."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic.alias_generators import to_camel

from components.storage_backend import Provisioning
from components.tts.storage import Volume
from stacks import arguments
from stacks.aws_profile import AwsProfile
from stacks.aws_settings import AwsSettings
from stacks.ephemeral_settings import EphemeralSettings
from stacks.gitops_settings import GitOpsSettings
from stacks.load import load
from stacks.profiles import PROFILES
from stacks.settings import Stack, StackSettings
from tests.support.reads import Program

ROOT = Path(__file__).parents[2]
DECLARED: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]


def stack(name: str, **changes: Any) -> Stack:
    document = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))
    written = {key.removeprefix("tts-platform:"): value for key, value in document["config"].items()}
    defaults = {key: item["default"] for key, item in DECLARED.items()}
    return load(name, defaults | written | changes, {})


class TestDeclaration:
    def test_every_key_is_declared_and_none_is_invented(self) -> None:
        kinds = (StackSettings, AwsSettings, GitOpsSettings, EphemeralSettings)
        declared = [info for kind in kinds for info in kind.model_fields.values()]
        assert sorted(DECLARED) == sorted(str(info.alias) for info in declared)

    @pytest.mark.parametrize("key", DECLARED)
    def test_a_key_has_type_default_and_description(self, key: str) -> None:
        assert {"type", "default", "description"} <= set(DECLARED[key]), (
            "without a default Pulumi makes it mandatory"
        )
        assert re.search(r"\b([Dd]efault|Mandatory)\b", DECLARED[key]["description"])

    @pytest.mark.parametrize(
        "field", ["exposure", "issuer", "rollout", "access_mode", "delivery", "kubeconfig"]
    )
    def test_a_description_names_each_profiles_default(self, field: str) -> None:
        alias = str(StackSettings.model_fields[field].alias)
        description = DECLARED[alias]["description"]
        for name, profile in PROFILES.items():
            assert f"{name} {getattr(profile, field) or 'none'}" in description

    @pytest.mark.parametrize("field", [item.name for item in fields(AwsProfile)])
    def test_a_description_names_each_profiles_default_on_aws(self, field: str) -> None:
        description = DECLARED[to_camel(field)]["description"]
        for name, profile in PROFILES.items():
            if profile.aws is not None:
                value = getattr(profile.aws, field)
                shown = ", ".join(value) if isinstance(value, tuple) else str(value)
                assert f"{name} {shown.lower()}" in description


class TestCommittedStacks:
    @pytest.mark.parametrize("name", PROFILES)
    def test_they_load(self, name: str) -> None:
        assert stack(name).name == name

    @pytest.mark.parametrize("name", PROFILES)
    def test_they_fit_on_a_screen(self, name: str) -> None:
        assert len((ROOT / f"Pulumi.{name}.yaml").read_text().splitlines()) < 25

    def test_nobody_fetches_certificates_for_a_laptop(self) -> None:
        assert stack("local").acme_directory is None

    def test_production_is_signed_for_by_the_real_one(self) -> None:
        assert stack("prod").acme_directory == "https://acme-v02.api.letsencrypt.org/directory"

    def test_a_named_context_is_not_looked_for_in_the_embedded_clusters_file(self) -> None:
        assert stack("local", kubeContext="kind-dev").settings.kubeconfig is None


class TestValues:
    def test_a_port_other_than_the_schemes_own_is_in_the_urls(self) -> None:
        assert stack("local", httpsPort="8443").authority == "tts.localhost:8443"
        assert stack("local").authority == "tts.localhost"

    def test_overrides_reach_the_engine_and_the_rest_stays(self) -> None:
        resources = stack("prod", memoryLimit="24Gi").engine.resources
        assert resources.memory_limit == "24Gi"
        assert resources.memory_request == "8Gi"

    def test_weights_are_a_volume_only_when_a_size_is_set(self) -> None:
        assert arguments.tts_service(stack("prod"), "letsencrypt", Provisioning()).weights is None
        weights = arguments.tts_service(
            stack("prod", weightsSize="50Gi"), "letsencrypt", Provisioning()
        ).weights
        assert weights == Volume(size="50Gi", access_mode="ReadWriteMany")

    def test_settings_are_frozen(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            stack("prod").settings.replicas = 3


def test_settings_are_read_without_pulumi() -> None:
    check = "import sys, stacks.load, stacks.kubeconfig; sys.exit('pulumi' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False)
    assert finished.returncode == 0, "what validates settings must run where no engine is"


class TestKnobs:
    sources = (
        ROOT / "__main__.py",
        # All but the program that runs in the cluster: nobody sets anything in there.
        *(file for file in (ROOT / "components").rglob("*.py") if file.parent.name != "snapshot_job"),
        *(ROOT / "stacks").rglob("*.py"),
    )

    def test_every_one_is_read(self) -> None:
        program = Program.of(self.sources)
        kinds = {
            "Engine",
            "Resources",
            "Egress",
            "Profile",
            "TtsServiceArgs",
            "Volume",
            "StackSettings",
            "CustomEngine",
            "GitOpsSettings",
            "AwsSettings",
            "AwsProfile",
            "AwsPlatformArgs",
            "NetworkArgs",
            "EksClusterArgs",
            "GpuNodePoolArgs",
            "EdgeLoadBalancerArgs",
        }
        assert kinds <= program.records.keys()
        # A word of consent: what it has an effect on is a refusal.
        consent = {"AwsSettings.accept_interruptions"}
        assert set(program.unread()) - consent == set(), "declared, set, and without effect"

    def test_another_class_field_of_the_same_name_is_another_field(self) -> None:
        program = Program.parsed(
            [
                "@dataclass\nclass Disk:\n    size: str\n    speed: str\n",
                "@dataclass\nclass Args:\n    disk: Disk\n    other: Other\n",
                "def used(args: Args):\n    Disk(speed=args.disk.speed)\n    return args.disk, args.other.size\n",
            ]
        )
        assert program.unread() == ["Disk.size", "Disk.speed"], "a copy is no use, nor is a namesake"
