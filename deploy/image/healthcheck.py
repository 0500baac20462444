"""Health check of a container: exit code 0 if its service responds to a path (`/healthz`)."""

import os
import sys
import urllib.request

DEFAULT_PORTS = {
    "all": "8080",
    "app": "8080",
    "version": "8081",
    "deployment": "8082",
    "audit": "8083",
    "worker": "8084",
    "gateway": "8000",
}
TIMEOUT_SECONDS = 5


def service_port(arguments: list[str], variables: dict[str, str]) -> str:
    """Return the HTTP port of the service that a command line starts."""
    for position, argument in enumerate(arguments):
        if argument.startswith("--port="):
            return argument.partition("=")[2]
        if argument == "--port":
            return arguments[position + 1]
    service = arguments[arguments.index("serve") + 1]
    return variables.get("PORT") or DEFAULT_PORTS[service]


def main() -> None:
    """Send a request to the container's first process; raise OSError unless it is answered with success."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/healthz"
    with open("/proc/1/cmdline", encoding="utf-8") as file:
        port = service_port(file.read().split("\0"), dict(os.environ))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT_SECONDS) as response:
        sys.exit(response.status != 200)  # noqa: PLR2004 - OK


if __name__ == "__main__":
    main()
