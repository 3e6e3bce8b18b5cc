"""What the embedded cluster's images are made of."""

import tarfile
import tomllib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from local import paths, toolchain
from local.images import assembly
from stacks import versions

ARGO_CD = paths.CHECKOUT / "local/images/argo-cd.toml"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    (tmp_path / "images").mkdir()
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that would have run; each base is an archive with an account in it."""
    ran: list[tuple[str, ...]] = []

    def run(*command: str, stdin: Path | None = None) -> None:
        del stdin
        ran.append(command)
        target = next((part for part in command if part.endswith(".tar")), None)
        if command[0] == "mmdebstrap" and target is not None:
            base(
                Path(target), "root:x:0:0:root:/root:/bin/bash\nredis:x:101:101::/var/lib/redis:/bin/false\n"
            )

    monkeypatch.setattr(assembly, "_run", run)
    return ran


def base(target: Path, passwd: str) -> None:
    entry = tarfile.TarInfo("./etc/passwd")
    entry.size = len(passwd)
    with tarfile.open(target, "w") as tar:
        tar.addfile(entry, BytesIO(passwd.encode()))


def image(name: str) -> assembly.Image:
    return next(image for image in assembly.definitions(ARGO_CD) if name in image.name)


def layer(
    image: assembly.Image, binaries: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> tarfile.TarFile:
    """The image's own layer, as it is handed to umoci."""
    kept = scratch / "kept"

    def run(*command: str, stdin: Path | None = None) -> None:
        del stdin
        if "add-layer" in command:
            kept.write_bytes(Path(command[-1]).read_bytes())

    monkeypatch.setattr(assembly, "_run", run)
    assembly._assemble(image, scratch / "layout", binaries, scratch)
    return tarfile.open(kept)


class TestBases:
    @pytest.mark.usefixtures("cache")
    def test_each_set_of_packages_has_its_own(self, commands: list[tuple[str, ...]]) -> None:
        assembly._debian(("git", "tini"))
        assembly._debian(("redis-server",))
        included = [part for command in commands for part in command if part.startswith("--include=")]
        assert included == ["--include=git,tini", "--include=redis-server"]

    @pytest.mark.usefixtures("cache")
    def test_one_that_is_there_is_used_again(self, commands: list[tuple[str, ...]]) -> None:
        assert assembly._debian(("git",)) == assembly._debian(("git",))
        assert len(commands) == 1, "every image would cost another minute"

    def test_an_image_stands_on_the_one_with_its_packages(self) -> None:
        argo_cd, redis = image("argocd"), image("redis")
        assert argo_cd.base_tag != redis.base_tag, "Argo CD would find no git"
        assert replace(redis, name="another").base_tag == redis.base_tag, "the base would be stored twice"

    def test_images_that_name_no_packages_stay_where_they_were(self) -> None:
        entries = tomllib.loads(assembly.DEFINITIONS.read_text())["image"]
        silent = {entry["name"] for entry in entries if "packages" not in entry}
        packages = {image.packages for image in assembly.definitions() if image.name in silent}
        assert packages == {("python3", "espeak-ng")}

    def test_other_packages_are_another_archive(self, tmp_path: Path) -> None:
        redis = image("redis")
        other = replace(redis, packages=(*redis.packages, "procps"))
        assert assembly._digest([redis], tmp_path) != assembly._digest([other], tmp_path), (
            "a node would keep the image without them"
        )


class TestLayers:
    @pytest.mark.usefixtures("cache", "commands")
    def test_accounts_are_added_to_the_base_s_own(self) -> None:
        passwd = assembly._passwd(replace(image("redis"), accounts={"redis": 999})).splitlines()
        assert passwd == ["root:x:0:0:root:/root:/bin/bash", "redis:x:999:999::/home/redis:/bin/sh"], (
            "root would have no name, or redis two numbers"
        )

    @pytest.mark.usefixtures("cache", "commands")
    def test_links_lead_where_they_say(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        binaries = tmp_path / "tools"
        binaries.mkdir()
        argo_cd = image("argocd")
        for name in argo_cd.binaries:
            (binaries / name).write_text(name)
        assembly._debian(argo_cd.packages)
        with layer(argo_cd, binaries, tmp_path, monkeypatch) as tar:
            assert tar.getmember("usr/local/bin/argocd").mode == 0o755
            server = tar.getmember("usr/local/bin/argocd-server")
            assert server.issym(), "the binary would be in the image ten times"
            assert server.linkname == "/usr/local/bin/argocd"
            passwd = tar.extractfile("etc/passwd")
            assert passwd is not None
            assert b"\nargocd:x:999:" in passwd.read(), "ssh refuses to work for a user without a name"


class TestArgoCd:
    def test_it_is_assembled_under_the_names_of_the_manifest(self) -> None:
        assert image("argocd").name == f"quay.io/argoproj/argocd:{versions.ARGO_CD.tag}", (
            "kubelet would ask a registry that is not there"
        )

    def test_what_it_runs_is_built_before_it_is_assembled(self) -> None:
        assert "gitops" in assembly.groups(ARGO_CD), "there would be no argocd to put into the image"
        assert assembly.groups(assembly.DEFINITIONS) == toolchain.BASE, "make up would build Argo CD"
