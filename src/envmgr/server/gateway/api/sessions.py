"""REST API for sign-in and sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Response, get, post
from litestar.params import JSONBody

from envmgr.server.contracts.identity_requests import (
    ClientInfo,
    Login,
    Logout,
    PasswordChange,
    RefreshRequest,
)
from envmgr.server.contracts.identity_resources import CurrentPrincipal, KeyCounts, PublicKeys, TokenPair
from envmgr.server.kit.http.asgi import SCOPE_CONTEXT
from envmgr.server.kit.http.errors import problem_responses
from envmgr.server.kit.http.json_response import JsonResponse
from envmgr.server.kit.http.requests import HttpRequest, request_context
from envmgr.server.kit.telemetry.trace_context import traceparent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.contracts.ports.identity import Sessions

_AUTH_OPTIONS: dict[str, Any] = {"tags": ["auth"], "opt": {"scope": None, "takes_credentials": True}}

_NO_REPLAY_NOTE = "`Idempotency-Key` is ignored because the response contains credentials."
_SESSION_END_NOTE = "`Idempotency-Key` is ignored because this ends the caller's session."
_PASSWORD_NOTE = f"API keys stay valid unless `revoke_keys` is true. {_SESSION_END_NOTE}"
_OPEN: list[dict[str, list[str]]] = [{}]


def routes(sessions: Sessions) -> list[Any]:
    """Create the route handlers."""

    @post(
        "/auth/login",
        operation_id="login",
        summary="Sign in with a password",
        description=_NO_REPLAY_NOTE,
        status_code=200,
        security=_OPEN,
        responses=problem_responses(413, 415, 429),
        **_AUTH_OPTIONS,
    )
    async def login(request: HttpRequest, data: JSONBody[Login]) -> TokenPair:
        return await sessions.login(client_info(request), data)

    @post(
        "/auth/refresh",
        operation_id="refresh",
        summary="Refresh a session (each refresh token can be used once)",
        description=_NO_REPLAY_NOTE,
        status_code=200,
        security=_OPEN,
        responses=problem_responses(413, 415),
        **_AUTH_OPTIONS,
    )
    async def refresh(request: HttpRequest, data: JSONBody[RefreshRequest]) -> TokenPair:
        return await sessions.refresh(client_info(request), data.refresh_token)

    @post(
        "/auth/logout",
        operation_id="logout",
        summary="Sign out and revoke the session",
        description=_SESSION_END_NOTE,
        status_code=204,
        responses=problem_responses(413, 415),
        **_AUTH_OPTIONS,
    )
    async def logout(request: HttpRequest, data: JSONBody[Logout | None] = None) -> None:
        scope: Mapping[str, Any] = request.scope
        await sessions.logout(scope.get(SCOPE_CONTEXT), data or Logout())

    @post(
        "/auth/password",
        operation_id="changePassword",
        summary="Change your password and revoke all your sessions",
        description=_PASSWORD_NOTE,
        status_code=200,
        responses=problem_responses(413, 415, 429),
        **_AUTH_OPTIONS,
    )
    async def change_password(request: HttpRequest, data: JSONBody[PasswordChange]) -> Response[KeyCounts]:
        context = request_context(request)
        return JsonResponse(await sessions.change_password(context, client_info(request), data))

    @get(
        "/auth/me",
        operation_id="whoAmI",
        summary="Get the current principal",
        responses=problem_responses(),
        **_AUTH_OPTIONS,
    )
    async def me(request: HttpRequest) -> CurrentPrincipal:
        return await sessions.current_principal(request_context(request))

    @get(
        "/.well-known/jwks.json",
        operation_id="publicKeys",
        summary="Get the JSON Web Key Set",
        security=_OPEN,
        **_AUTH_OPTIONS,
    )
    async def public_keys() -> Response[PublicKeys]:
        return Response(await sessions.public_keys(), headers={"cache-control": "public, max-age=300"})

    return [login, refresh, logout, change_password, me, public_keys]


def client_info(request: HttpRequest) -> ClientInfo:
    """Return the client's address and trace context."""
    trace = request.headers.get("traceparent", "").encode()
    return ClientInfo(request.client.host if request.client else "", traceparent(trace))
