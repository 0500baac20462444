"""Request context: the principal, idempotency key and conditions passed to every use case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

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
    """An authenticated actor and its permissions.

    `actor` identifies it in events and the audit log: `user:ada`, `key:7` (an API key), `oidc:…`, `system:auto-deploy`.
    `apps`, if set, are the IDs of the only apps that it can access: IDs are never reused, names are.
    """

    actor: str
    role: Role
    scopes: frozenset[Scope]
    apps: frozenset[int] | None = None
    user_id: int | None = None
    """User ID of the session or API key owner."""
    credential: str = ""
    """Credential used: `session:…`, `key:…`, `oidc:…`."""

    def can_access(self, app_id: int) -> bool:
        """Return whether the principal can access an app."""
        return self.apps is None or app_id in self.apps


class PrincipalRef(Struct, frozen=True, kw_only=True):
    """A principal as one service names it to another, which looks up its present permissions."""

    actor: str
    credential: str
    scopes: frozenset[Scope]
    """An upper bound: what the credential allowed when the request began."""


class CurrentPermissions(Protocol):
    """The permissions of principals as of one moment."""

    def require(self, principal: Principal) -> None:
        """Raise Unauthenticated or Forbidden if a principal has lost a permission; blocks, for units of work."""
        ...


class Idempotency(Struct, frozen=True):
    """A client's idempotency key, the digest of its request, and the request's method and path."""

    key: str
    fingerprint: str
    request: str = ""


class RequestContext(Struct, frozen=True, kw_only=True):
    """The context of one request."""

    principal: Principal
    request_id: str = ""
    traceparent: str = ""
    idempotency: Idempotency | None = None
    if_match: frozenset[str] | None = None
    """ETags (see `preconditions.etag_of`) accepted by If-Match."""
    current_permissions: Callable[[], CurrentPermissions] | None = None
    """Returns the permissions as of the call; blocks, for units of work."""


def system_context(name: str, traceparent: str = "") -> RequestContext:
    """Return the context of an action by the server itself."""
    principal = Principal(actor=f"system:{name}", role="system", scopes=SCOPES_BY_ROLE["system"])
    return RequestContext(principal=principal, traceparent=traceparent)
