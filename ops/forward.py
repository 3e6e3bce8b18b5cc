"""A port of this machine that leads to the edge of a cluster elsewhere."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from ops.errors import OpsError


def command(kubeconfig: Path, context: str, port: int) -> list[str]:
    """What forwards `port` of 127.0.0.1 to Envoy until it is interrupted."""
    options = ["--kubeconfig", str(kubeconfig), "--context", context, "--namespace", "projectcontour"]
    return ["kubectl", *options, "port-forward", "service/envoy", f"{port}:443"]


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def forwarded(kubeconfig: Path, context: str, port: int) -> Iterator[None]:
    """Forwards the port while the block runs."""
    if shutil.which("kubectl") is None:
        raise OpsError("kubectl is not on PATH, and it forwards the port to the cluster: install it.")
    arguments = command(kubeconfig, context, port)
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait(process, port, arguments)
            yield
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[str], port: int, arguments: list[str]) -> None:
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type(OSError), wait=wait_fixed(0.2), stop=stop_after_delay(20)
        ):
            with attempt:
                if process.poll() is not None:
                    said = process.stderr.read().strip() if process.stderr else ""
                    raise OpsError(f"{shlex.join(arguments)} ended: {said}")
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except RetryError:
        raise OpsError(f"{shlex.join(arguments)} does not answer on port {port}.") from None
