"""Who asks, and how: what goes with every call into a service, through HTTP or from another service."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Role = Literal["admin", "user", "viewer", "ci", "system"]
Scope = Literal[
    "apps:read",
    "apps:write",
    "versions:read",
    "versions:write",
    "deployments:read",
    "deployments:write",
    "environments:write",
    "audit:read",
    "users:admin",
]
SCOPES: tuple[Scope, ...] = (
    "apps:read",
    "apps:write",
    "versions:read",
    "versions:write",
    "deployments:read",
    "deployments:write",
    "environments:write",
    "audit:read",
    "users:admin",
)
READ_SCOPES = tuple(scope for scope in SCOPES if scope.endswith(":read"))
SCOPES_BY_ROLE: dict[Role, frozenset[Scope]] = {
    "admin": frozenset(SCOPES),
    "user": frozenset({*READ_SCOPES, "apps:write", "versions:write", "deployments:write"}),
    "viewer": frozenset(READ_SCOPES),
    "ci": frozenset(),
    "system": frozenset(SCOPES),
}


class Principal(Struct, frozen=True, kw_only=True):
    """Somebody, and what they may do.

    `actor` names them in events and the audit: `user:ada`, `key:7` (an API key), `oidc:…`, `system:auto-deploy`.
    `apps`, where set, are the only apps (by name) they may see or touch.
    """

    actor: str
    role: Role
    scopes: frozenset[Scope]
    apps: frozenset[str] | None = None
    user_id: int | None = None
    """Whose session or API key it is."""
    credential: str = ""
    """What proved it: `session:…`, `key:…`, `oidc:…`."""

    def can_access(self, app: str) -> bool:
        """Say whether an app is theirs to see."""
        return self.apps is None or app in self.apps


class Idempotency(Struct, frozen=True):
    """A key a caller chose for a request, and what the request was."""

    key: str
    fingerprint: str


class RequestContext(Struct, frozen=True, kw_only=True):
    """One request: whose, which, and on which conditions."""

    principal: Principal
    request_id: str = ""
    traceparent: str = ""
    idempotency: Idempotency | None = None
    if_match: frozenset[str] | None = None
    """The states (see `conditions.tag_of`) of which the resource must still be in one."""


def system_context(name: str, traceparent: str = "") -> RequestContext:
    """Make the call of something that the server does by itself."""
    principal = Principal(actor=f"system:{name}", role="system", scopes=SCOPES_BY_ROLE["system"])
    return RequestContext(principal=principal, traceparent=traceparent)
