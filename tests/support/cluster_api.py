"""A small Kubernetes API over HTTPS: keeps what it is told, allows what a Role says and no more, breaks on demand."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Object = dict[str, Any]
Rules = Sequence[dict[str, Any]]

TOKEN = "a-token-of-a-pod"  # noqa: S105 - of this API alone
_VERBS = {"POST": "create", "DELETE": "delete"}


class ClusterApi:
    """One namespace. Change the attributes while it runs."""

    def __init__(self, directory: Path, namespace: str, rules: Rules) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        """By plural and name."""

        self.requests: list[str] = []
        self.broken: Callable[[str, str], int | None] = lambda _method, _path: None
        """A status to answer with instead, or 0 to hang up without any answer; None is well."""

        self.hangs_up_after: Callable[[str, str], bool] = lambda _method, _path: False
        """Whether a request is carried out, and its answer lost."""

        self.on_create: Callable[[Object], None] = lambda _item: None
        self.namespace = namespace
        self.directory = directory
        """As the kubelet makes it: token and CA."""

        self._rules = rules
        self._version = 0
        self._lock = threading.RLock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        _trust(self.server, directory)

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"

    def add(self, plural: str, item: Object) -> Object:
        """Puts an object there, as its controller would."""
        with self._lock:
            self._version += 1
            metadata = item["metadata"]
            metadata.update(namespace=self.namespace, uid=f"uid-{self._version}")
            metadata["resourceVersion"] = str(self._version)
            metadata.setdefault("creationTimestamp", "2025-12-01T00:00:00Z")
            self.objects[plural, metadata["name"]] = item
            return item

    def touch(self, item: Object) -> None:
        """Somebody has written to it."""
        with self._lock:
            self._version += 1
            item["metadata"]["resourceVersion"] = str(self._version)

    def all(self, plural: str) -> list[Object]:
        """The objects of a kind."""
        with self._lock:
            return [item for (kind, _), item in self.objects.items() if kind == plural]

    def names(self, plural: str) -> list[str]:
        """Their names, sorted."""
        return sorted(item["metadata"]["name"] for item in self.all(plural))

    def answer(self, method: str, path: str, body: Object, token: str | None) -> tuple[int, Object]:
        """What a request gets."""
        parts = urlsplit(path)
        pieces = parts.path.strip("/").split("/")
        group = pieces[1] if pieces[0] == "apis" else ""
        place = pieces.index("namespaces")
        namespace, plural, *rest = pieces[place + 1 :]
        name = rest[0] if rest else ""
        verb = _VERBS.get(method, "get" if name else "list")
        if token != f"Bearer {TOKEN}":
            return _status(401, "Unauthorized", "Unauthorized")
        if namespace != self.namespace or not self._allows(group, plural, name, verb):
            return _status(403, "Forbidden", f'{plural} "{name}" is forbidden: cannot {verb} in {namespace}')
        with self._lock:
            if method == "POST":
                return self._create(plural, body)
            if not name:
                return 200, {"items": self._selected(plural, parse_qs(parts.query))}
            item = self.objects.get((plural, name))
            if item is None:
                return _status(404, "NotFound", f'{plural} "{name}" not found')
            return self._delete(plural, item, body) if method == "DELETE" else (200, item)

    def _create(self, plural: str, body: Object) -> tuple[int, Object]:
        name = body["metadata"]["name"]
        if (plural, name) in self.objects:
            return _status(409, "AlreadyExists", f'{plural} "{name}" already exists')
        body["metadata"]["creationTimestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.add(plural, body)
        self.on_create(body)
        return 201, body

    def _delete(self, plural: str, item: Object, options: Object) -> tuple[int, Object]:
        metadata = item["metadata"]
        wanted = options.get("preconditions") or {}
        if any(metadata[key] != value for key, value in wanted.items()):
            return _status(409, "Conflict", "Operation cannot be fulfilled: the precondition failed")
        del self.objects[plural, metadata["name"]]
        return 200, {"kind": "Status", "status": "Success"}

    def _selected(self, plural: str, query: dict[str, list[str]]) -> list[Object]:
        selector = query.get("labelSelector", [""])[0]
        wanted = dict(pair.split("=", 1) for pair in selector.split(",") if pair)
        return [
            item
            for item in self.all(plural)
            if wanted.items() <= (item["metadata"].get("labels") or {}).items()
        ]

    def _allows(self, group: str, plural: str, name: str, verb: str) -> bool:
        return any(
            group in rule["api_groups"]
            and plural in rule["resources"]
            and verb in rule["verbs"]
            and name in rule.get("resource_names", [name])
            for rule in self._rules
        )


@contextmanager
def serving(directory: Path, namespace: str, rules: Rules) -> Iterator[ClusterApi]:
    """An API that answers while the block runs; its token and CA are written to `directory`."""
    api = ClusterApi(directory, namespace, rules)
    thread = threading.Thread(target=api.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.server.shutdown()
        api.server.server_close()
        thread.join()


def _handler(api: ClusterApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            # Here, and not where connections are accepted: a client that does not like us holds nobody up.
            self.request.do_handshake()
            super().setup()

        def handle_request(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            api.requests.append(f"{self.command} {self.path}")
            broken = api.broken(self.command, self.path)
            if broken == 0:
                return
            status, answer = (
                api.answer(self.command, self.path, body, self.headers.get("Authorization"))
                if broken is None
                else _status(broken, "ServiceUnavailable", "the server is starting")
            )
            if api.hangs_up_after(self.command, self.path):
                return
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = handle_request  # noqa: N815 - http.server calls them so

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            pass

    return Handler


def _status(code: int, reason: str, message: str) -> tuple[int, Object]:
    return code, {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}


def _trust(server: ThreadingHTTPServer, directory: Path) -> None:
    """A CA for the client to trust, and a certificate of it; without key identifiers, as in many clusters."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca, name = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("kubernetes-ca", "kubernetes")
    )
    authority = (
        _certificate(ca, ca, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    own = _certificate(name, ca, key).add_extension(address, critical=False).sign(ca_key, hashes.SHA256())
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "token").write_text(TOKEN)
    (directory / "ca.crt").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    served = directory / "served.pem"
    served.write_bytes(
        own.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
    )
