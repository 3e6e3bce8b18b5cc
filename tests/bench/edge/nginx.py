"""nginx's configuration: the same names and pods as the HTTPProxies of the other side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final

_FRAME: Final = Template(Path(__file__).with_name("nginx.conf").read_text(encoding="utf-8"))


@dataclass(frozen=True, kw_only=True)
class Nginx:
    """What decides about the configuration."""

    pods: Mapping[str, Sequence[str]]
    """`address:port` of the pods, by the name of their upstream."""

    names: Mapping[str, str]
    """Upstream, by the name that is served."""

    balance: Mapping[str, str] = field(default_factory=dict[str, str])
    """`least_conn`, by upstream; round robin where none is named."""

    workers: str = "auto"
    access_log: str = "/dev/stdout json buffer=64k flush=1s"
    read_timeout: str = "300s"
    """After which a connection on which nothing moves is closed."""

    shutdown_timeout: str | None = None
    """After which a reload closes the connections of the workers before it; None lets them live."""

    def text(self) -> str:
        """The file."""
        return _FRAME.substitute(
            upstreams="\n".join(self._upstream(name) for name in self.pods),
            servers="\n".join(_server(name, upstream) for name, upstream in self.names.items()),
            workers=self.workers,
            access_log=self.access_log,
            read_timeout=self.read_timeout,
            shutdown=f"worker_shutdown_timeout {self.shutdown_timeout};" if self.shutdown_timeout else "",
        )

    def _upstream(self, name: str) -> str:
        servers = "".join(f"        server {address};\n" for address in self.pods[name])
        method = f"        {self.balance[name]};\n" if name in self.balance else ""
        return (
            f"    upstream {name} {{\n        zone {name} 256k;\n{method}{servers}        keepalive 256;\n"
            "        keepalive_requests 1000000;\n    }"
        )


def _server(name: str, upstream: str) -> str:
    return (
        f"    server {{\n        listen 8443 ssl http2;\n        server_name {name};\n"
        f"        location / {{ proxy_pass http://{upstream}; }}\n    }}"
    )
