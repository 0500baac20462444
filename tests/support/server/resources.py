"""Things for tests to have in a server, made by its API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.server.concurrent_writers import lock
from support.server.response_checks import named

if TYPE_CHECKING:
    from support.http.raw_client import Reply, Wire

PASSWORD = "a password of good length"
BINDING = {
    "issuer": "https://ci.example",
    "audience": "alm",
    "claims": {"repository_id": "7"},
    "scopes": ["apps:read"],
}


def made(reply: Reply) -> dict:
    """Return what a request made."""
    assert reply.status == 201, (reply, reply.text)
    return reply.json


def app(wire: Wire) -> dict:
    """Create an app."""
    return made(wire.ask("POST", "/apps", {"name": named()}))


def version(wire: Wire, of: dict, tag: str = "1.0.0", text: str = "") -> dict:
    """Create a version of an app."""
    return made(wire.ask("PUT", f"/apps/{of['id']}/versions/{tag}", {"toolchain": {"lock": text or lock()}}))


def deployment(wire: Wire, environment: str) -> dict:
    """Deploy a version of a new app."""
    new = {"version_id": version(wire, app(wire))["id"], "environment": environment}
    return made(wire.ask("POST", "/deployments", new))
