"""Resources of a server, created through its API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.server.concurrent_writers import lock
from support.server.response_checks import unique_name

if TYPE_CHECKING:
    from support.http.raw_client import Reply, Wire

PASSWORD = "a password of good length"
BINDING = {
    "issuer": "https://ci.example",
    "audience": "alm",
    "claims": {"repository_id": "7"},
    "scopes": ["apps:read"],
}


def created_resource(reply: Reply) -> dict:
    """Return the created resource of a response."""
    assert reply.status == 201, (reply, reply.text)
    return reply.json


def app(wire: Wire) -> dict:
    """Create an app."""
    return created_resource(wire.ask("POST", "/apps", {"name": unique_name()}))


def version(wire: Wire, parent: dict, tag: str = "1.0.0", text: str = "") -> dict:
    """Create a version of an app."""
    return created_resource(
        wire.ask("PUT", f"/apps/{parent['id']}/versions/{tag}", {"toolchain": {"lock": text or lock()}})
    )


def deployment(wire: Wire, environment: str) -> dict:
    """Deploy a version of a new app."""
    new = {"version_id": version(wire, app(wire))["id"], "environment": environment}
    return created_resource(wire.ask("POST", "/deployments", new))
