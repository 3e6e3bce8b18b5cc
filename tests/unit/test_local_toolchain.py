"""How the embedded cluster decides what to build."""

import re
import stat
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from rich.progress import Progress

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
        everything = [module for module in toolchain.pins()[0] if module.group in ("pulumi", "cluster")]
        assert not toolchain.plan().found
        assert toolchain.plan().missing == everything, "a tool would be missing at run time"

    @pytest.mark.usefixtures("caches")
    def test_nobody_waits_for_what_only_delivery_by_git_needs(self) -> None:
        assert module("argo-cd") not in toolchain.plan().missing, "minutes of make up, for something unused"
        assert toolchain.plan("gitops").missing == [module("argo-cd")]

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


class TestWhatGoSays:
    def test_the_error_is_shown_however_many_packages_come_after_it(self, caches: Path) -> None:
        go = caches / "bin" / "go"
        go.write_text(
            "#!/bin/sh\n{ echo '# example.org/broken'; echo 'broken.go:1:2: undefined: x';\n"
            "n=0; while [ $n -lt 100 ]; do echo example.org/$n; n=$((n+1)); done; } >&2\nexit 1\n"
        )
        go.chmod(0o755)
        progress = Progress(disable=True)
        task = progress.add_task("packages", total=100)
        with pytest.raises(LocalError, match="undefined: x"):
            toolchain._run_go(str(go), ["build"], {}, module("etcd"), progress, task)
        assert progress.tasks[0].completed == 100, "the bar would not tell how far the build is"


class TestGroups:
    def test_tools_bring_their_group_and_what_every_cluster_needs(self) -> None:
        assert toolchain.groups_with({"argocd", "gpg-wrapper.sh"}) == ("pulumi", "cluster", "gitops"), (
            "the image could not be loaded: ctr is one of the cluster's tools"
        )
        assert toolchain.groups_with({"coredns"}) == ("pulumi", "cluster"), "minutes of building for nothing"

    def test_a_tool_that_nobody_builds_is_named(self) -> None:
        with pytest.raises(LocalError, match=r"tools.toml names no tool argo-cdd: add it, or mend the name"):
            toolchain.groups_with({"argo-cdd", "coredns"})

    @pytest.mark.usefixtures("caches")
    def test_a_group_that_is_not_there_is_refused_with_those_that_are(self) -> None:
        with pytest.raises(
            LocalError, match=r'no group "gitop" of tools: write one of bench, checks, cluster, gitops, pulumi'
        ):
            toolchain.ensure(Console(quiet=True), "gitop")


class TestPinsAgree:
    def test_every_module_names_checksums(self) -> None:
        for pinned in toolchain.pins()[0]:
            assert (pinned.directory / "go.sum").stat().st_size > 0, (
                f"{pinned.name} would be built unverified"
            )

    def test_what_the_program_installs_is_what_is_built(self) -> None:
        assert f"v{module('contour').version}" == versions.CONTOUR.tag, "manifest and binary would differ"
        assert f"v{module('cert-manager').version}" == versions.CERT_MANAGER_FROM_SOURCE.tag
        assert f"v{module('argo-cd').version}" == versions.ARGO_CD.tag

    def test_argo_cd_is_built_with_the_replacements_of_its_own_go_mod(self) -> None:
        go_mod = (module("argo-cd").directory / "go.mod").read_text()
        assert re.search(r"k8s\.io/client-go => k8s\.io/client-go v\S+", go_mod), (
            "a main module's replacements are not its dependencies': other versions than upstream's would be built"
        )

    def test_upstream_sources_are_those_that_the_program_looks_for(self) -> None:
        targets = {
            u.target.relative_to(paths.CACHE / "upstream").as_posix()
            for u in toolchain.pins()[1]
            if u.installed_by == "program"
        }
        wanted = {
            f"{u.repository}/{u.tag}/{u.path}"
            for u in (
                versions.CONTOUR,
                *versions.CERT_MANAGERS.values(),
                versions.DEVICE_PLUGIN,
                versions.ARGO_CD,
                versions.ARGO_CD_HA,
            )
        }
        assert targets == wanted, "the program would try to download, where no network is"

    def test_snapshots_are_of_the_kinds_that_their_controller_knows(self) -> None:
        (kinds,) = (u for u in toolchain.pins()[1] if u.installed_by == "cluster")
        assert kinds.module.endswith(f"/v8@v{module('csi-snapshotter').version}"), "fields would be dropped"

    def test_pulumi_is_the_version_that_users_install(self) -> None:
        requirements = (paths.CHECKOUT / "requirements.txt").read_text()
        assert f"pulumi=={module('pulumi').version}\n" in requirements, "the tests would run another engine"
        assert f"pulumi-kubernetes=={module('pulumi-resource-kubernetes').version}\n" in requirements


class TestImages:
    def test_tags_of_the_volumes_images_are_the_versions_that_are_built(self) -> None:
        built = {f"{tool}:v{pin.version}" for pin in toolchain.pins()[0] for tool in pin.names}
        named = {
            image.name.rpartition("/")[2] for image in assembly.definitions() if "sig-storage" in image.name
        }
        assert named, "the expression finds no image at all"
        assert named <= built, "what runs would not be what its name says"

    def test_each_image_of_the_add_ons_is_assembled(self) -> None:
        names = {image.name for image in assembly.definitions()}
        manifests = (paths.CHECKOUT / "local/cluster/manifests").glob("*.yaml")
        used = {image for file in manifests for image in re.findall(r"image: (\S+)", file.read_text())}
        assert used, "the expression finds no image at all"
        assert used <= names, "kubelet would ask a registry that is not there"

    def test_the_local_stack_runs_the_image_that_is_assembled(self) -> None:
        config = yaml.safe_load((paths.CHECKOUT / "Pulumi.local.yaml").read_text())["config"]
        assert config["tts-platform:image"] in {image.name for image in assembly.definitions()}
