"""The REST face of signing in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Response, get, post
from litestar.params import JSONBody

from envmgr.server.gateway.requests import Login, Logout, PasswordChange, Refresh
from envmgr.server.gateway.resources import Me, PublicKeys, Tokens
from envmgr.server.gateway.services.sessions import Origin
from envmgr.server.kit.http.asgi import CALL
from envmgr.server.kit.http.errors import problems
from envmgr.server.kit.http.requests import Asked, call_of
from envmgr.server.kit.telemetry.trace_context import traceparent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.gateway.services.sessions import SessionService
    from envmgr.server.kit.security.tokens import Keyring

_ANYBODY: dict[str, Any] = {"tags": ["auth"], "opt": {"needs": None}}
_KNOWN: dict[str, Any] = {"tags": ["auth"], "opt": {"needs": None}}
_NOT_KEPT = "An `Idempotency-Key` is not kept: the answer holds credentials, and those are stored nowhere."
_ENDS = "An `Idempotency-Key` is not kept: this ends the session that asks."
_OPEN: list[dict[str, list[str]]] = [{}]


def routes(sessions: SessionService, keyring: Keyring) -> list[Any]:
    """Make the handlers."""

    @post(
        "/auth/login",
        operation_id="login",
        summary="Sign in with a password",
        description=_NOT_KEPT,
        status_code=200,
        security=_OPEN,
        responses=problems(413, 415, 429),
        **_ANYBODY,
    )
    async def login(request: Asked, data: JSONBody[Login]) -> Tokens:
        return await sessions.login(origin_of(request), data)

    @post(
        "/auth/refresh",
        operation_id="refresh",
        summary="Exchange a refresh token for new tokens; it can be used once",
        description=_NOT_KEPT,
        status_code=200,
        security=_OPEN,
        responses=problems(413, 415),
        **_ANYBODY,
    )
    async def refresh(request: Asked, data: JSONBody[Refresh]) -> Tokens:
        return await sessions.refresh(origin_of(request), data.refresh_token)

    @post(
        "/auth/logout",
        operation_id="logout",
        summary="Sign out: end the session",
        description=_ENDS,
        status_code=204,
        responses=problems(413, 415),
        **_ANYBODY,
    )
    async def logout(request: Asked, data: JSONBody[Logout | None] = None) -> None:
        scope: Mapping[str, Any] = request.scope
        await sessions.logout(scope.get(CALL), data or Logout())

    @post(
        "/auth/password",
        operation_id="changePassword",
        summary="Take another password; it ends all your sessions",
        description=_ENDS,
        status_code=204,
        responses=problems(413, 415, 429),
        **_KNOWN,
    )
    async def change_password(request: Asked, data: JSONBody[PasswordChange]) -> None:
        await sessions.change_password(call_of(request), origin_of(request), data)

    @get(
        "/auth/me",
        operation_id="whoAmI",
        summary="Show whose credential this is",
        responses=problems(),
        **_KNOWN,
    )
    async def me(request: Asked) -> Me:
        principal = call_of(request).principal
        return Me(
            actor=principal.actor,
            role=principal.role,
            scopes=tuple(sorted(principal.scopes)),
            apps=None if principal.apps is None else tuple(sorted(principal.apps)),
            user_id=principal.user_id,
        )

    @get(
        "/.well-known/jwks.json",
        operation_id="publicKeys",
        summary="Show the keys that verify access tokens",
        security=_OPEN,
        **_ANYBODY,
    )
    async def public_keys() -> Response[PublicKeys]:
        keys = PublicKeys(tuple(keyring.jwks()["keys"]))
        return Response(keys, headers={"cache-control": "public, max-age=300"})

    return [login, refresh, logout, change_password, me, public_keys]


def origin_of(request: Asked) -> Origin:
    """Say where a request comes from."""
    trace = request.headers.get("traceparent", "").encode()
    return Origin(request.client.host if request.client else "", traceparent(trace))
