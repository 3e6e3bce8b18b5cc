"""Answers for the simulated pods, as a process in the edge node's network: `python -m tests.bench.scale.answers PORT`.

Every address of the simulated pods is the edge node's own while it runs. So Envoy's active health checks are answered
as of real pods, and a request gets the address that it was sent to.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from local import paths
from local.cluster.layout import Cluster
from tests.bench.scale.addresses import PODS
from tests.bench.scale.control_plane import within


class _Pod(asyncio.Protocol):
    """One connection. Requests come whole and one after the other: health checks and small GETs."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        body = str(transport.get_extra_info("sockname")[0]).encode()
        self._answer = (
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self._transport.write(self._answer)


@contextmanager
def answering(cluster: Cluster, port: int) -> Iterator[None]:
    """Answers within the block."""
    enter = within(cluster, "edge")
    route = (str(PODS), "dev", "lo")
    subprocess.run([*enter, "ip", "route", "replace", "local", *route], check=True)
    process = subprocess.Popen(
        [*enter, sys.executable, "-m", __name__, str(port)],
        cwd=paths.CHECKOUT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), "nobody answers for the simulated pods"
        yield
    finally:
        process.kill()
        process.communicate()
        subprocess.run([*enter, "ip", "route", "del", "local", *route], check=False)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Pod, "0.0.0.0", port, backlog=4096)  # noqa: S104 - the node's
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_serve(int(sys.argv[1])))
