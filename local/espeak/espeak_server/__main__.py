"""`python3 -m espeak_server`: serves until SIGTERM, then drains."""

import sys

from pydantic import ValidationError

from espeak_server import logs
from espeak_server.app import Service
from espeak_server.server import Server
from espeak_server.settings import Settings


def main() -> int:
    """Serve until told to stop; the exit status."""
    try:
        settings = Settings()
    except ValidationError as failure:
        for problem in failure.errors(include_url=False):
            name = ".".join(str(part) for part in problem["loc"]).upper()
            print(f"{name}={problem['input']}: {problem['msg']}", file=sys.stderr)
        return 2
    logs.configure()
    service = Service(settings)
    Server(settings, service).run()
    return 1 if service.failed else 0


if __name__ == "__main__":
    sys.exit(main())
