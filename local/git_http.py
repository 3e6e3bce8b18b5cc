"""A program that serves the git repositories of a directory over smart HTTP, through git's own `http-backend`.

`python -m local.git_http DIRECTORY ADDRESS PORT`, a token in GIT_SERVER_TOKEN where one is asked for. It prints
its port once it listens, and ends when its standard input does: whoever started it cannot leave it behind.
"""

import hmac
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TOKEN = "GIT_SERVER_TOKEN"  # noqa: S105 - the name of a variable


class Repositories:
    """WSGI application: every request is one run of `git http-backend`."""

    def __init__(self, directory: Path, token: str | None) -> None:
        self._directory = directory
        self._token = token

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answers one request."""
        request = Request(environ)
        response = self._answer(request) if self._may(request) else _refusal()
        return response(environ, start_response)

    def _may(self, request: Request) -> bool:
        """Like the large hosts: any user name, and the token as the password."""
        if self._token is None:
            return True
        given = request.authorization.password if request.authorization is not None else None
        return hmac.compare_digest((given or "").encode(), self._token.encode())

    def _answer(self, request: Request) -> Response:
        # Through files: a pack may be larger than a pipe, and git then waits for a reader while we wait for it to read.
        with tempfile.TemporaryFile() as body, tempfile.TemporaryFile() as answer:
            while chunk := request.stream.read(1 << 16):
                body.write(chunk)
            length = body.tell()
            body.seek(0)
            run = subprocess.run(
                ["git", "http-backend"],
                env=self._environment(request, length),
                stdin=body,
                stdout=answer,
                stderr=subprocess.PIPE,
                check=False,
            )
            answer.seek(0)
            headers = []
            while line := answer.readline().strip():
                name, _, value = line.decode().partition(":")
                headers.append((name, value.strip()))
            content = answer.read()
        if not headers:
            return Response(run.stderr, 500)
        status = next((value for name, value in headers if name == "Status"), "200 OK")
        return Response(content, status, [header for header in headers if header[0] != "Status"])

    def _environment(self, request: Request, length: int) -> dict[str, str]:
        """What CGI (RFC 3875) and git-http-backend(1) name."""
        return {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self._directory),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string.decode(),
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": request.remote_addr or "",
        }


def _refusal() -> Response:
    return Response("Give the token as the password.", 401, {"WWW-Authenticate": 'Basic realm="git"'})


def _end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serves until its standard input ends."""
    directory, address, port = sys.argv[1:]
    application = Repositories(Path(directory), os.environ.get(TOKEN))
    server = make_server(address, int(port), application, threaded=True)
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    print(server.port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
