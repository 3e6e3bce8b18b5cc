"""An AWS account for a rehearsal: a moto server in a process of its own that ends with the context.

with Account() as account:
    subprocess.run(["pulumi", "up", ...], env={**os.environ, **account.environment})
    assert not account.untagged()
"""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3

from tests.aws.inventory import Thing, things

ROOT = Path(__file__).parents[2]

# What every thing that can have tags must say, so that a bill can be read.
TAGS = ("project", "stack", "owner")


class Account:
    """The account. It is empty at the start: what AWS gives to a new one is deleted, or not counted."""

    def __init__(self, region: str = "eu-central-1", kubeconfig: str | Path | None = None) -> None:
        self.region = region
        self.endpoint = ""
        """The server's URL; empty outside of the context."""
        self._kubeconfig = str(kubeconfig) if kubeconfig else os.environ.get("TTS_KUBECONFIG", "")
        self._server: subprocess.Popen[str] | None = None
        self._at_start: set[tuple[str, str]] = set()

    def __enter__(self) -> "Account":
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TTS_KUBECONFIG": self._kubeconfig}
        # The server ends when its standard input does: also when this process is killed.
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.aws.account"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._server.stdout is not None
        port = self._server.stdout.readline().strip()
        if not port:
            raise RuntimeError("the account's server did not start; what it printed is above")
        self.endpoint = f"http://127.0.0.1:{port}"
        self._empty()
        # The snapshots that moto's machine images come from.
        self._at_start = {(thing.type, thing.id) for thing in things(self.client)}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(timeout=30)
        self._server.stdout.close()
        self.endpoint = ""

    @property
    def environment(self) -> dict[str, str]:
        """For programs that are to work on this account: Pulumi, `bin/aws`."""
        made = {
            "TTS_AWS_ENDPOINT": self.endpoint,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "stand-in",
            "AWS_SECRET_ACCESS_KEY": "stand-in",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            # No profile of the person's, and no asking a metadata service that is not there.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return {**made, "TTS_KUBECONFIG": self._kubeconfig} if self._kubeconfig else made

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id="stand-in",
            aws_secret_access_key="stand-in",  # noqa: S106  # moto asks for some
        )

    def inventory(self) -> list[Thing]:
        """Everything in the account, but for what AWS itself keeps in each."""
        there = (thing for thing in things(self.client) if (thing.type, thing.id) not in self._at_start)
        return sorted(there, key=lambda thing: (thing.type, thing.id))

    def counts(self) -> Counter[str]:
        return Counter(thing.type for thing in self.inventory())

    def untagged(self, keys: Iterable[str] = TAGS) -> Sequence[Thing]:
        """What could say whose it is, and does not."""
        wanted = set(keys)
        return [
            thing
            for thing in self.inventory()
            if thing.tags is not None and not thing.made_by_aws and not wanted <= set(thing.tags)
        ]

    def zone(self, name: str) -> str:
        """A public hosted zone, as a team would have; its id. It is a part of the inventory from then on."""
        made = self.client("route53").create_hosted_zone(Name=name, CallerReference=name)
        return str(made["HostedZone"]["Id"].rpartition("/")[2])

    def _empty(self) -> None:
        """Deletes the default VPC, so that nothing lands there by an omission."""
        ec2 = self.client("ec2")
        for vpc in ec2.describe_vpcs()["Vpcs"]:
            mine = {"Name": "vpc-id", "Values": [vpc["VpcId"]]}
            for subnet in ec2.describe_subnets(Filters=[mine])["Subnets"]:
                ec2.delete_subnet(SubnetId=subnet["SubnetId"])
            attached = {"Name": "attachment.vpc-id", "Values": [vpc["VpcId"]]}
            for gateway in ec2.describe_internet_gateways(Filters=[attached])["InternetGateways"]:
                identity = gateway["InternetGatewayId"]
                ec2.detach_internet_gateway(InternetGatewayId=identity, VpcId=vpc["VpcId"])
                ec2.delete_internet_gateway(InternetGatewayId=identity)
            ec2.delete_vpc(VpcId=vpc["VpcId"])


def serve() -> None:
    """The server: prints its port, answers one request at a time, ends with its standard input."""
    # Read when moto is imported.
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    from tests.aws import eks_extension, snapshot_extension, strictness

    eks_extension.extend()
    snapshot_extension.extend()
    strictness.extend()
    application = DomainDispatcherApplication(create_backend_app)
    # moto's backends are plain dictionaries; Pulumi asks for many things at once.
    one_at_a_time = threading.Lock()

    def locked(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with one_at_a_time:
            return list(application(environ, start_response))

    class Quiet(MotoRequestHandler):  # type: ignore[misc]  # moto has no types here
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
            pass

    server = make_server("127.0.0.1", 0, locked, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve()
