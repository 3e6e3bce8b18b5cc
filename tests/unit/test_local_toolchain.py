"""How the embedded cluster decides what to build."""

import re
import stat
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from local import paths, toolchain
from local.errors import LocalError
from local.images import assembly
from stacks import versions


def module(name: str) -> toolchain.Module:
    return next(module for module in toolchain.pins()[0] if module.name == name)


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a PATH with nothing on it."""
    monkeypatch.setattr(paths, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def put_on_path(caches: Path, name: str, says: str) -> None:
    program = caches / "bin" / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


class TestWhatIsOnPath:
    @pytest.mark.usefixtures("caches")
    def test_nothing_there_means_that_everything_is_built(self) -> None:
        assert not toolchain.plan().found
        assert len(toolchain.plan().missing) == len(toolchain.pins()[0]), (
            "a tool would be missing at run time"
        )

    def test_the_same_minor_version_is_used_as_it_is(self, caches: Path) -> None:
        put_on_path(caches, "etcd", f"etcd Version: {module('etcd').version}")
        plan = toolchain.plan()
        assert plan.found == {"etcd": caches / "bin" / "etcd"}, "a minute of building what is there"
        assert module("etcd") not in plan.missing

    def test_another_minor_version_is_not(self, caches: Path) -> None:
        put_on_path(caches, "etcd", "etcd Version: 3.4.1")
        assert module("etcd") in toolchain.plan().missing, (
            "the cluster would run on a version nobody has tried"
        )

    def test_one_tool_of_several_is_not_enough(self, caches: Path) -> None:
        put_on_path(caches, "kubectl", f"Client Version: v{module('kubernetes').version}")
        assert module("kubernetes") in toolchain.plan().missing, "kubelet and the others would be missing"

    def test_a_newer_pulumi_brings_its_own_language_host(self, caches: Path) -> None:
        put_on_path(caches, "pulumi", "v3.999.0")
        host = {"pulumi-language-python", "pulumi-language-python-exec"}
        for name in host:
            put_on_path(caches, name, "")
        assert set(toolchain.plan("pulumi").found) == {"pulumi", *host}, (
            "the host starts no program without its -exec"
        )

    def test_a_language_host_without_its_pulumi_is_not_trusted(self, caches: Path) -> None:
        put_on_path(caches, "pulumi-language-python", "")
        assert module("pulumi-language-python") in toolchain.plan("pulumi").missing, (
            "its version is anybody's guess"
        )

    def test_a_program_that_hangs_or_fails_is_as_good_as_none(self, caches: Path) -> None:
        put_on_path(caches, "etcd", "no version in here")
        assert module("etcd") in toolchain.plan().missing


class TestWhatWasBuilt:
    @pytest.mark.usefixtures("caches")
    def test_it_is_found_by_its_pins(self) -> None:
        module("etcd").output.mkdir(parents=True)
        assert module("etcd") in toolchain.plan().ready, "a second make up would build again"

    def test_a_changed_pin_is_another_build(self, caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pinned = module("etcd")
        before = pinned.digest
        copy = caches / "build"
        (copy / "etcd").mkdir(parents=True)
        for file in (paths.BUILD / "etcd").iterdir():
            (copy / "etcd" / file.name).write_bytes(file.read_bytes())
        monkeypatch.setattr(paths, "BUILD", copy)
        assert pinned.digest == before, "where the checkout is must not decide what is built"
        (copy / "etcd" / "go.sum").write_text("changed")
        assert pinned.digest != before, "another checksum would run yesterday's binary"

    @pytest.mark.usefixtures("caches")
    def test_too_little_disk_is_said_before_anything_is_built(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(toolchain, "FREE_DISK", 10**18)
        monkeypatch.setattr(toolchain, "_go", lambda _: pytest.fail("it went on to build"))
        with pytest.raises(
            LocalError, match=r"GB are free .* building needs .*: free some, or point XDG_CACHE_HOME"
        ):
            toolchain.ensure(Console(quiet=True))


class TestPinsAgree:
    def test_every_module_names_checksums(self) -> None:
        for pinned in toolchain.pins()[0]:
            assert (pinned.directory / "go.sum").stat().st_size > 0, (
                f"{pinned.name} would be built unverified"
            )

    def test_what_the_program_installs_is_what_is_built(self) -> None:
        assert f"v{module('contour').version}" == versions.CONTOUR.tag, "manifest and binary would differ"
        assert f"v{module('cert-manager').version}" == versions.CERT_MANAGER_FROM_SOURCE.tag

    def test_upstream_sources_are_those_that_the_program_looks_for(self) -> None:
        targets = {u.target.relative_to(paths.CACHE / "upstream").as_posix() for u in toolchain.pins()[1]}
        wanted = {
            f"{u.repository}/{u.tag}/{u.path}"
            for u in (versions.CONTOUR, *versions.CERT_MANAGERS.values(), versions.DEVICE_PLUGIN)
        }
        assert targets == wanted, "the program would try to download, where no network is"

    def test_pulumi_is_the_version_that_users_install(self) -> None:
        requirements = (paths.CHECKOUT / "requirements.txt").read_text()
        assert f"pulumi=={module('pulumi').version}\n" in requirements, "the tests would run another engine"
        assert f"pulumi-kubernetes=={module('pulumi-resource-kubernetes').version}\n" in requirements


class TestImages:
    def test_each_image_of_the_add_ons_is_assembled(self) -> None:
        names = {image.name for image in assembly.definitions()}
        manifests = (paths.CHECKOUT / "local/cluster/manifests").glob("*.yaml")
        used = {image for file in manifests for image in re.findall(r"image: (\S+)", file.read_text())}
        assert used, "the expression finds no image at all"
        assert used <= names, "kubelet would ask a registry that is not there"

    def test_the_local_stack_runs_the_image_that_is_assembled(self) -> None:
        config = yaml.safe_load((paths.CHECKOUT / "Pulumi.local.yaml").read_text())["config"]
        assert config["tts-platform:image"] in {image.name for image in assembly.definitions()}
