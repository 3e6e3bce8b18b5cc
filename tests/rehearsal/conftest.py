"""The account, the cluster, and the stack of production between them.

`make rehearse` starts the cluster "rehearsal" and runs these tests.
"""

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from ops import speech, teardown
from ops.workspace import Workspace
from tests.aws.account import TAGS, Account
from tests.cluster.door import DOMAIN, Door
from tests.cluster.inventory import inventory
from tests.cluster.running import Running, eventually
from tests.cluster.started import add_images, started

CLUSTER = "rehearsal"
IMAGE = "localhost/tts-platform/espeak"
BIN = Path(__file__).parents[1] / "aws" / "bin"

_DELETED = re.compile(r"^ *-\s+(\S+) (\S+) deleted\b", re.MULTILINE)

_ADMINS = "platform-engineers"
_TEAM = [{"Key": key, "Value": "the team"} for key in TAGS]

SETTINGS: dict[str, Any] = {
    # Nobody delivers from git here (tests/gitops does): what Pulumi puts onto the cluster is what is looked at.
    "delivery": "direct",
    "gitRepository": "",
    # The machine has no GPU and reaches no registry: the local engine, and the cert-manager that was built here.
    "engine": "espeak",
    "image": f"{IMAGE}:1.0.0",
    "certManagerVersion": "v1.11.5",
    # No ACME server signs for a name of this machine.
    "issuer": "in-cluster-ca",
    "acmeEmail": "",
    "domain": DOMAIN,
    "dnsZone": DOMAIN,
    "outputsSize": "1Gi",
    # The committed one is a placeholder, which an update refuses.
    "apiCidrs": ["198.18.0.0/15"],
    "clusterAdmins": [f"arn:aws:iam::123456789012:role/{_ADMINS}"],
}
"""What the rehearsal has to have otherwise than production."""


@dataclass
class Production:
    """The prod stack as it is committed, with the settings above, and a state of its own."""

    workspace: Workspace
    settings: dict[str, Any] = field(default_factory=lambda: dict(SETTINGS))
    stack: str = "prod"

    def run(self, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
        """As a person's own `pulumi`, so that `make destroy`'s code can be given this."""
        finished = self.pulumi(*arguments)
        if not capture:
            (self.workspace.directory / f"{arguments[0]}.log").write_text(finished.stdout + finished.stderr)
        return finished

    def pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        self.workspace.prepare(self.settings)
        finished = self.workspace.run(*arguments, capture=True, check=False)
        if check:
            said = f"{finished.stdout[-8000:]}\n{finished.stderr[-2000:]}"
            assert finished.returncode == 0, f"pulumi {' '.join(arguments)} failed:\n{said}"
        return finished

    def up(self, *arguments: str) -> str:
        """Updates it, and returns what the engine says."""
        return self.pulumi("up", "--yes", "--skip-preview", *arguments).stdout

    def drift(self, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """What `make drift` runs."""
        return self.pulumi("refresh", "--preview-only", "--expect-no-changes", "--diff", check=check)

    def preview(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = json.loads(self.pulumi("preview", "--json").stdout)["steps"]
        return [step for step in steps if "newState" in step]

    def resources(self) -> list[dict[str, Any]]:
        return teardown.in_state(self)

    def ids(self) -> dict[str, str]:
        """What each resource is called by its owner: another id is another resource."""
        return {item["urn"]: item["id"] for item in self.resources() if item.get("custom")}

    def deletions(self) -> list[str]:
        """Type and name of what the destroy deleted, in order."""
        log = (self.workspace.directory / "destroy.log").read_text()
        return [f"{kind} {name}" for kind, name in _DELETED.findall(log)]


@dataclass
class Counts:
    """How many resources of each type there are after each step."""

    steps: dict[str, tuple[Counter[str], Counter[str]]] = field(default_factory=dict)

    def take(self, step: str, production: Production, account: Account) -> None:
        of_pulumi = Counter(item["type"] for item in production.resources() if item.get("custom"))
        self.steps[step] = of_pulumi, account.counts()

    def table(self, index: int, title: str) -> Table:
        table = Table("type", *self.steps, title=title)
        kinds = sorted({kind for step in self.steps.values() for kind in step[index]})
        for kind in kinds:
            table.add_row(kind, *(str(step[index][kind]) for step in self.steps.values()))
        return table


_COUNTS = pytest.StashKey[Counts]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_COUNTS] = Counts()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = config.stash[_COUNTS]
    if not counts.steps:
        return
    console = Console(file=None, width=110)
    with console.capture() as captured:
        console.print(counts.table(0, "in Pulumi's state"))
        console.print(counts.table(1, "in the account"))
    terminalreporter.write(captured.get())


@pytest.fixture(scope="session")
def counts(pytestconfig: pytest.Config) -> Counts:
    return pytestconfig.stash[_COUNTS]


@pytest.fixture(scope="session")
def running() -> Running:
    cluster = started(CLUSTER, "make rehearse starts it")
    add_images(cluster, Path(__file__).with_name("images.toml"))
    return Running(cluster)


@pytest.fixture(scope="session")
def before(running: Running) -> set[str]:
    """Every object that was there before the stack was."""
    return inventory(running)


@pytest.fixture(scope="session")
def account(running: Running, before: set[str]) -> Iterator[Account]:  # noqa: ARG001 - before anything is made
    with pytest.MonkeyPatch.context() as patch, Account(kubeconfig=running.cluster.kubeconfig) as account:
        for name, value in account.environment.items():
            patch.setenv(name, value)
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        account.zone(DOMAIN)
        account.client("iam").create_role(RoleName=_ADMINS, AssumeRolePolicyDocument="{}", Tags=_TEAM)
        yield account


@pytest.fixture(scope="session")
def found(account: Account) -> Counter[str]:
    """What the team has in the account before the stack has anything: the zone, and a role of people."""
    return account.counts()


@pytest.fixture(scope="session")
def production(found: Counter[str], tmp_path_factory: pytest.TempPathFactory) -> Production:  # noqa: ARG001 - before it
    return Production(Workspace(stack="prod", directory=tmp_path_factory.mktemp("prod")))


@pytest.fixture(scope="session")
def door(production: Production, running: Running) -> Door:
    outputs = json.loads(production.pulumi("stack", "output", "--json").stdout)
    ca = speech.authority(str(running.cluster.kubeconfig), None, outputs["ca_secret"])
    door = Door(str(running.cluster.node_address("edge")), 443, ca)

    def answers() -> bool:
        with door.client() as voice:
            return voice.get("/health").status_code == 200

    eventually(answers, 120, "the front door answers after the first update")
    return door
