"""A Kubernetes API for the official client: objects by path, merge patches, and versions that are enforced."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubernetes import client

Object = dict[str, Any]

_PATH = re.compile(
    r"/apis?/(?P<group>[^?]*?)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?"
)


_VERSION = dict.fromkeys(
    (
        "buildDate",
        "compiler",
        "gitCommit",
        "gitTreeState",
        "gitVersion",
        "goVersion",
        "major",
        "minor",
        "platform",
    ),
    "1",
)


@dataclass
class Api:
    """What the cluster has, by plural and name, in one namespace."""

    url: str = ""
    objects: dict[str, dict[str, Object]] = field(default_factory=dict[str, dict[str, Object]])
    refused: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    """Status by method and plural."""

    requests: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    lock: threading.RLock = field(default_factory=threading.RLock)
    version: int = 0

    def add(self, plural: str, item: Object) -> Object:
        self.version += 1
        item.setdefault("metadata", {})["resourceVersion"] = str(self.version)
        self.objects.setdefault(plural, {})[item["metadata"]["name"]] = item
        return item

    def named(self, plural: str) -> list[str]:
        return sorted(self.objects.get(plural, {}))

    @property
    def client(self) -> client.ApiClient:
        configuration = client.Configuration()
        configuration.host = self.url
        configuration.retries = False
        return client.ApiClient(configuration)

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path == "/version/":
            status = self.refused.get((method, "version"), 200)
            return status, _VERSION if status == 200 else {"message": "Unauthorized"}
        match = _PATH.fullmatch(path)
        assert match, path
        plural, name = match["plural"], match["name"]
        self.requests.append((method, plural))
        if (method, plural) in self.refused:
            return self.refused[method, plural], {"message": f"{plural} is forbidden"}
        there = self.objects.get(plural)
        if there is None and plural.startswith("volumesnapshot"):
            return 404, {"message": "the server could not find the requested resource"}
        there = there or {}
        if method == "POST":
            if body["metadata"]["name"] in there:
                return 409, {"message": "already exists"}
            # What has a status has it from the beginning.
            return 201, self.add(plural, {"status": {}, **body})
        if name is None:
            (selector,) = query.get("labelSelector", [""])
            return 200, {"items": [item for item in there.values() if _selected(item, selector)]}
        if name not in there:
            return 404, {"message": f"{plural} {name} not found"}
        if method == "GET":
            return 200, there[name]
        if method == "DELETE":
            wanted = ((body or {}).get("preconditions") or {}).get("uid")
            if wanted not in (None, there[name]["metadata"].get("uid")):
                return 409, {"message": "the precondition failed"}
            return 200, there.pop(name)
        asked = body.get("metadata", {}).get("resourceVersion")
        if asked not in (None, there[name]["metadata"]["resourceVersion"]):
            return 409, {"message": "the object has been modified"}
        return 200, self.add(plural, _merged(there[name], body))


def _selected(item: Object, selector: str) -> bool:
    key, _, value = selector.partition("=")
    labels = item["metadata"].get("labels") or {}
    return not key or (key in labels and value in ("", labels[key]))


def _merged(item: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(item) if isinstance(item, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


@contextmanager
def running() -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One packet an answer: the client's kernel waits with its acknowledgement of the first of two.
        wbufsize = 65536

        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            with api.lock:
                status, answer = api.answer(self.command, self.path, body)
                text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names that the base class calls

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
