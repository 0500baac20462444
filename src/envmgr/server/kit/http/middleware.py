"""ASGI middleware: authentication, request limits, idempotency and access logging.

Pure ASGI (https://asgi.readthedocs.io/en/latest/specs/www.html), around the whole application, so that every response
passes through it.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from envmgr.server.kit.common.context import RequestContext
from envmgr.server.kit.common.problems import (
    BadRequest,
    IdempotencyKeyInUse,
    InternalError,
    PreconditionRequired,
    Problem,
    RequestTimeout,
    TooManyRequests,
)
from envmgr.server.kit.common.timeouts import within
from envmgr.server.kit.db.sql import DamagedDatabase
from envmgr.server.kit.http import headers
from envmgr.server.kit.http.asgi import SCOPE_CONTEXT, SCOPE_HEADERS, SCOPE_PROBLEM, SCOPE_REAUTHENTICATE
from envmgr.server.kit.http.client_address import TrustedProxies, client_network
from envmgr.server.kit.http.cors import CorsPolicy
from envmgr.server.kit.http.errors import PROBLEM_JSON
from envmgr.server.kit.http.rate_limit import RateLimiter
from envmgr.server.kit.http.request_policy import RequestPolicy
from envmgr.server.kit.security.redaction import redact
from envmgr.server.kit.telemetry import trace_context
from envmgr.server.kit.telemetry.request_info import PROBE_PATHS, RequestInfo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from envmgr.server.kit.common.context import Principal
    from envmgr.server.kit.http.asgi import Application, Message, Receive, Scope, Send
    from envmgr.server.kit.telemetry.request_info import Authenticator, RequestObserver
    from envmgr.server.kit.telemetry.tracing import RequestSpan, Tracing

_logger = logging.getLogger(__name__)
BODY_CHUNK_TIMEOUT_SECONDS = 20.0
"""Seconds allowed between two chunks of a body."""
BODY_TIMEOUT_SECONDS = 120.0
"""Seconds allowed for a whole body."""

DENIAL_BURST, DENIAL_RATE_PER_SECOND = 2000, 20
"""Unauthenticated denials recorded per client network, at once and in the long run; further ones get 429."""
_DEFAULT_POLICY = RequestPolicy()
_MUTATING_METHODS = frozenset({"PUT", "PATCH", "DELETE"})
_DENIED_STATUSES = frozenset({401, 403})


class RequestMiddleware:
    """Authenticate, limit, observe and dispatch every request."""

    def __init__(  # noqa: PLR0913 - independent options, all keyword-only
        self,
        application: Application,
        authenticator: Authenticator,
        observer: RequestObserver,
        *,
        policy: RequestPolicy = _DEFAULT_POLICY,
        require_if_match: bool = False,
        body_chunk_timeout: float = BODY_CHUNK_TIMEOUT_SECONDS,
        allowed_origins: Iterable[str] = (),
        trusted_proxies: Iterable[str] = (),
        tracing: Tracing | None = None,
        admit: Callable[[Principal], None] | None = None,
    ) -> None:
        self.application = application
        self.observer = observer
        self.policy = policy
        self.body_chunk_timeout = body_chunk_timeout
        self.cors_policy = CorsPolicy(allowed_origins)
        self.trusted_proxies = TrustedProxies(trusted_proxies)
        self.denial_limiter = RateLimiter(DENIAL_BURST, DENIAL_RATE_PER_SECOND)
        self._authenticator = authenticator
        self._current_permissions = authenticator.current_permissions
        self._require_if_match = require_if_match
        self._tracing = tracing
        self._admit = admit
        self._in_flight_keys: set[tuple[str, bytes]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an ASGI connection."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        cycle: _RequestCycle | None = None
        try:
            span = _start_span(self._tracing, scope) if self._tracing else None
            cycle = _RequestCycle(self, span.scope if span else scope, receive, send)
            try:
                await cycle.run()
            finally:
                if span:
                    span.end(cycle.info, cycle.status)
        except Exception:
            _logger.exception("request_middleware_failed")
            if cycle is None or not cycle.status:
                await _send_last_resort(send)

    async def authorize(self, cycle: _RequestCycle) -> RequestContext | None:
        """Return the context of an authenticated request; None for a public path."""
        info = cycle.info
        if len(cycle.headers) != len(cycle.scope["headers"]):
            headers.require_singletons(cycle.scope["headers"])
        headers.check_head(
            info.method,
            cycle.scope["http_version"],
            cycle.headers,
            limit=cycle.limit,
            accepts_form=cycle.path in self.policy.form_paths,
        )
        has_credential = b"authorization" in cycle.headers
        if self.policy.is_public(info.method, cycle.path, has_credential=has_credential):
            return None
        authenticate = partial(self._authenticator.authenticate, headers.bearer_token(cycle.headers))
        principal = await authenticate()
        cycle.scope[SCOPE_REAUTHENTICATE] = authenticate
        info.actor = principal.actor
        if self._admit is not None:
            self._admit(principal)
        headers.require_printable_path(cycle.path)
        if self._require_if_match:
            _require_condition(cycle)
        return RequestContext(
            principal=principal,
            request_id=info.request_id,
            traceparent=info.traceparent,
            current_permissions=self._current_permissions,
        )

    def dispatch(self, cycle: _RequestCycle, context: RequestContext | None) -> Awaitable[None]:
        """Dispatch a request; requests with equal Idempotency-Keys run one at a time."""
        key = cycle.headers.get(b"idempotency-key")
        if key is None or context is None:
            return self.application(cycle.scope, cycle.receive, cycle.send)
        return self._dispatch_alone(cycle, (context.principal.actor, key))

    async def _dispatch_alone(self, cycle: _RequestCycle, running: tuple[str, bytes]) -> None:
        if running in self._in_flight_keys:
            raise IdempotencyKeyInUse(
                "a request with this Idempotency-Key is still in progress; retry shortly"
            )
        self._in_flight_keys.add(running)
        try:
            await self.application(cycle.scope, cycle.receive, cycle.send)
        finally:
            self._in_flight_keys.discard(running)


def _start_span(tracing: Tracing, scope: Scope) -> RequestSpan | None:
    return None if scope["path"] in PROBE_PATHS else tracing.request(scope)


def _require_condition(cycle: _RequestCycle) -> None:
    if cycle.info.method in _MUTATING_METHODS and b"if-match" not in cycle.headers:
        raise PreconditionRequired("send If-Match with the resource's ETag, or If-Match: * to skip the check")


class _RequestCycle:
    """One request and its response."""

    __slots__ = (
        "_body_bytes",
        "_body_pending",
        "_finished",
        "_is_head",
        "_middleware",
        "_receive",
        "_send",
        "_started",
        "headers",
        "info",
        "limit",
        "path",
        "scope",
        "status",
    )

    def __init__(self, middleware: RequestMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        request_headers = dict(scope["headers"])
        peer, port = scope.get("client") or ("", 0)
        client = middleware.trusted_proxies.client_address(peer, scope["headers"])
        # HEAD is handled as GET: the HTTP server leaves out the response body.
        self._is_head = scope["method"] == "HEAD"
        self.scope = {
            **scope,
            "client": (client, port),
            "method": "GET" if self._is_head else scope["method"],
            SCOPE_HEADERS: request_headers,
        }
        self.headers: dict[bytes, bytes] = request_headers
        self.path: str = scope["path"]
        self.info = RequestInfo(
            method=scope["method"],
            path=redact(self.path),
            client=client,
            request_id=trace_context.request_id(request_headers.get(b"x-request-id")),
            traceparent=trace_context.traceparent(request_headers.get(b"traceparent")),
        )
        self.limit = middleware.policy.body_limit(self.path)
        self._middleware = middleware
        self._receive = receive
        self._send = send
        self._body_bytes = 0
        self._body_pending = True
        self._started = time.perf_counter()
        self.status = 0
        self._finished = False

    async def run(self) -> None:
        """Run the request; respond to unhandled errors."""
        trace_context.begin_trace(self.info.traceparent)
        try:
            if self.info.method == "OPTIONS" and await self._handle_preflight():
                return
            context = await self._middleware.authorize(self)
            if context is not None:
                self.scope[SCOPE_CONTEXT] = context
            await self._middleware.dispatch(self, context)
        except Exception as error:  # noqa: BLE001 - turns any bug into a response
            await self._respond_to(error)
        finally:
            self.info.route = self.scope.get("path_template", "")
            self._middleware.observer.on_response(self.info, self.status, time.perf_counter() - self._started)

    async def receive(self) -> Message:
        """Return the next body chunk, within the limits of size and time."""
        if self._finished:
            return {"type": "http.disconnect"}
        try:
            message = await within(self._receive_timeout(), self._receive())
        except TimeoutError:
            raise RequestTimeout("timed out reading the request body") from None
        if message["type"] == "http.disconnect" and self._body_pending and headers.has_body(self.headers):
            raise BadRequest("connection closed before the body was complete")
        self._body_bytes += len(message.get("body", b""))
        if self._body_bytes > self.limit:
            raise headers.too_large(self.limit)
        self._body_pending = message["type"] == "http.request" and bool(message.get("more_body"))
        return message

    def _receive_timeout(self) -> float | None:
        """Return the seconds to wait for the next message; None once the body is complete."""
        if not self._body_pending:
            return None
        left = self._started + BODY_TIMEOUT_SECONDS - time.perf_counter()
        return max(0, min(self._middleware.body_chunk_timeout, left))

    def send(self, message: Message) -> Awaitable[None]:
        """Send a response message, with the default headers."""
        if self._finished:
            return _send_nothing()
        if message["type"] != "http.response.start":
            return self._send_body(message)
        if SCOPE_PROBLEM in self.scope:
            self._attach_problem(self.scope[SCOPE_PROBLEM])
        if message["status"] in _DENIED_STATUSES:
            return self._send_denial(message)
        return self._send_start(message)

    async def _send_denial(self, message: Message) -> None:
        if await self._record_denial(message["status"]):
            await self._send_start(message)
            return
        await self._send_problem(
            TooManyRequests(
                "too many denied requests from this address; retry after Retry-After", retry_after=60
            )
        )
        self._finished = True

    async def _record_denial(self, status: int) -> bool:
        """Record a denial; return False if the client network exceeded its quota."""
        if not self.info.actor and not self._middleware.denial_limiter.allow(
            client_network(self.info.client)
        ):
            return False
        await self._middleware.observer.on_denied(self.info, status)
        return True

    def _send_start(self, message: Message) -> Awaitable[None]:
        request_headers = [
            *headers.with_defaults(message["headers"]),
            (b"x-request-id", self.info.request_id.encode()),
        ]
        request_headers += self._middleware.cors_policy.headers(self.headers.get(b"origin"))
        if (
            self._body_pending
            and headers.has_body(self.headers)
            and not any(name == b"connection" for name, _ in request_headers)
        ):
            # The rest of the body stays unread: the connection closes after the response.
            request_headers.append((b"connection", b"close"))
        message["headers"] = request_headers
        self.status = message["status"]
        return self._send(message)

    def _send_body(self, message: Message) -> Awaitable[None]:
        if self._is_head:
            # A streaming response, too, is logged when its head is sent.
            self._finished = True
            message = {"type": "http.response.body", "body": b""}
        return self._send(message)

    async def _handle_preflight(self) -> bool:
        method = self.headers.get(b"access-control-request-method")
        result = self._middleware.cors_policy.preflight(self.headers.get(b"origin"), method)
        if result is None:
            return False
        await self._send_start({"type": "http.response.start", "status": 204, "headers": result})
        await self._send({"type": "http.response.body", "body": b""})
        return True

    def _attach_problem(self, problem: Problem) -> None:
        self.info.problem, self.info.reason = problem.slug, problem.detail

    async def _respond_to(self, error: Exception) -> None:
        """Send an error as a problem, or the error of recording a denial."""
        try:
            await self._reject(self._to_problem(error))
        except Exception as second:  # noqa: BLE001 - an error while reporting an error is reported as well
            await self._send_unless_started(self._to_problem(second))

    def _to_problem(self, error: Exception) -> Problem:
        if isinstance(error, Problem):
            return error
        self._middleware.observer.on_error(self.info, error)
        if isinstance(error, DamagedDatabase):
            return error.problem()
        return InternalError("internal error; search the server log for this request ID")

    async def _send_unless_started(self, problem: Problem) -> None:
        if not self.status:
            self._attach_problem(problem)
            await self._send_problem(problem)

    async def _reject(self, problem: Problem) -> None:
        if self.status or self._finished:
            return
        self.scope[SCOPE_PROBLEM] = problem
        self._attach_problem(problem)
        if problem.status in _DENIED_STATUSES and not await self._record_denial(problem.status):
            problem = TooManyRequests(
                "too many denied requests from this address; retry after Retry-After", retry_after=60
            )
        await self._send_problem(problem)

    async def _send_problem(self, problem: Problem) -> None:
        body = msgspec.json.encode(problem.document(self.info.path))
        headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", str(len(body)).encode())]
        headers += [(name.encode(), value.encode()) for name, value in problem.headers.items()]
        await self._send_start({"type": "http.response.start", "status": problem.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"" if self._is_head else body})


async def _send_nothing() -> None:
    """Drop a message of a response that has ended."""


async def _send_last_resort(send: Send) -> None:
    """Send a constant problem: what would describe the failure has failed."""
    body = msgspec.json.encode(InternalError("internal error; search the server log").document(""))
    fields = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 500, "headers": fields})
    await send({"type": "http.response.body", "body": body})
