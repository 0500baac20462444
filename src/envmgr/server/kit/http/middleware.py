"""The door that every request comes through before any routing: who is it, what does it bring, how long does it take.

Pure ASGI (https://asgi.readthedocs.io/en/latest/specs/www.html), around the whole application, so that nothing
answers without it.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from envmgr.server.kit.common.context import Call
from envmgr.server.kit.common.problems import (
    Bug,
    ConditionRequired,
    IdempotencyKeyInUse,
    Malformed,
    Problem,
    TimedOut,
    TooMany,
)
from envmgr.server.kit.http import headers
from envmgr.server.kit.http.asgi import CALL, HEADERS, PROBLEM, STILL
from envmgr.server.kit.http.client_address import Proxies, site
from envmgr.server.kit.http.cors import Origins
from envmgr.server.kit.http.errors import PROBLEM_JSON
from envmgr.server.kit.http.rate_limit import Allowance
from envmgr.server.kit.security.redaction import redacted
from envmgr.server.kit.telemetry import trace_context
from envmgr.server.kit.telemetry.request_info import QUIET, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.server.kit.http.asgi import Application, Message, Receive, Scope, Send
    from envmgr.server.kit.telemetry.request_info import Authenticator, Witness
    from envmgr.server.kit.telemetry.tracing import Tracing

PATIENCE = 20.0
"""Seconds that may pass between two pieces of a body."""
BODY_SECONDS = 120.0
"""Seconds in which a whole body must have come."""

PUBLIC = frozenset(
    {
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/auth/login",
        "/auth/refresh",
        "/auth/token",
        "/.well-known/jwks.json",
    }
)
SIGNING_OUT = "/auth/logout"
"""Takes a refresh token as well as a credential."""
DENIALS, DENIALS_PER_SECOND = 2000, 20
"""Refusals without a valid credential, of one address at once and in the long run, that are told apart and written
down; what comes beyond is 429."""
_CHANGING = frozenset({"PUT", "PATCH", "DELETE"})
_DENIED = frozenset({401, 403})


class Door:
    """Lets requests in."""

    def __init__(  # noqa: PLR0913 - the options are independent of each other, and named
        self,
        application: Application,
        authenticator: Authenticator,
        witness: Witness,
        *,
        require_if_match: bool = False,
        patience: float = PATIENCE,
        allowed_origins: Iterable[str] = (),
        trusted_proxies: Iterable[str] = (),
        tracing: Tracing | None = None,
    ) -> None:
        self.application = application
        self.witness = witness
        self.patience = patience
        self.origins = Origins(allowed_origins)
        self.proxies = Proxies(trusted_proxies)
        self.denials = Allowance(DENIALS, DENIALS_PER_SECOND)
        self._authenticator = authenticator
        self._require_if_match = require_if_match
        self._tracing = tracing
        self._running: set[tuple[str, bytes]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI has it."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
        elif self._tracing is None or scope["path"] in QUIET:
            await _Visit(self, scope, receive, send).run()
        else:
            await self._traced(self._tracing, scope, receive, send)

    async def _traced(self, tracing: Tracing, scope: Scope, receive: Receive, send: Send) -> None:
        span = tracing.request(scope)
        visit = _Visit(self, span.scope, receive, send)
        try:
            await visit.run()
        finally:
            span.end(visit.seen, visit.status)

    async def admit(self, visit: _Visit) -> Call | None:
        """Return the call of a request that may go on; None where no credential is asked for."""
        seen = visit.seen
        if len(visit.headers) != len(visit.scope["headers"]):
            headers.require_once(visit.scope["headers"])
        headers.require_fit(visit.headers, visit.limit)
        headers.require_media(seen.method, visit.path, visit.headers)
        if _asks_for_none(seen.method, visit.path, visit.headers):
            return None
        still = partial(self._authenticator.authenticate, headers.bearer(visit.headers))
        principal = await still()
        visit.scope[STILL] = still
        seen.actor = principal.actor
        headers.require_plain(visit.path)
        self._check_condition(visit)
        return Call(principal=principal, request_id=seen.request_id, traceparent=seen.traceparent)

    async def enter(self, visit: _Visit, call: Call | None) -> None:
        """Hand a request on; of those with the same Idempotency-Key, one at a time."""
        key = visit.headers.get(b"idempotency-key")
        if key is None or call is None:
            await self.application(visit.scope, visit.receive, visit.send)
            return
        running = (call.principal.actor, key)
        if running in self._running:
            raise IdempotencyKeyInUse(
                "the first request with this key has no answer yet: ask again in a moment"
            )
        self._running.add(running)
        try:
            await self.application(visit.scope, visit.receive, visit.send)
        finally:
            self._running.discard(running)

    def _check_condition(self, visit: _Visit) -> None:
        if self._require_if_match and visit.seen.method in _CHANGING and b"if-match" not in visit.headers:
            raise ConditionRequired('send If-Match with the ETag that you saw, or If-Match: "*" for any')


class _Visit:
    """One request on its way through the door and back."""

    def __init__(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope["headers"])
        peer, port = scope.get("client") or ("", 0)
        client = door.proxies.client(peer, scope["headers"])
        # Behind the door, HEAD is GET: whoever speaks HTTP below leaves the body of the answer out.
        self._is_head = scope["method"] == "HEAD"
        self.scope = {
            **scope,
            "client": (client, port),
            "method": "GET" if self._is_head else scope["method"],
            HEADERS: given,
        }
        self.headers: dict[bytes, bytes] = given
        self.path: str = scope["path"]
        self.seen = Seen(
            method=scope["method"],
            path=redacted(self.path),
            client=client,
            request_id=trace_context.request_id(given.get(b"x-request-id")),
            traceparent=trace_context.traceparent(given.get(b"traceparent")),
        )
        self.limit = headers.limit_of(self.path)
        self._door = door
        self._receive = receive
        self._send = send
        self._brought = 0
        self._reading = True
        self._started = time.perf_counter()
        self.status = 0
        self._is_over = False

    async def run(self) -> None:
        """Let the request in, and its answer out; whatever is not answered inside is answered here."""
        try:
            if self.seen.method == "OPTIONS" and await self._answered_preflight():
                return
            call = await self._door.admit(self)
            if call is not None:
                self.scope[CALL] = call
            await self._door.enter(self, call)
        except Problem as problem:
            await self._refuse(problem)
        except Exception as error:  # noqa: BLE001 - the last place that can turn a bug into an answer
            self._door.witness.failed(self.seen, error)
            await self._refuse(Bug("something went wrong here; the log has it under this request's id"))
        finally:
            self.seen.route = self.scope.get("path_template", "")
            self._door.witness.answered(self.seen, self.status, time.perf_counter() - self._started)

    async def receive(self) -> Message:
        """Bring the next piece of the request's body, unless it is too much or too late."""
        if self._is_over:
            return {"type": "http.disconnect"}
        try:
            async with asyncio.timeout(self._patience()):
                message = await self._receive()
        except TimeoutError:
            raise TimedOut("the body came too slowly: send it without long breaks") from None
        if message["type"] == "http.disconnect" and self._reading and headers.has_body(self.headers):
            raise Malformed("the connection ended before the body did")
        self._brought += len(message.get("body", b""))
        if self._brought > self.limit:
            raise headers.too_large(self.limit)
        self._reading = message["type"] == "http.request" and bool(message.get("more_body"))
        return message

    def _patience(self) -> float | None:
        """Say how long to wait for a piece: each has its time, and the whole body; nothing else has."""
        if not self._reading:
            return None
        left = self._started + BODY_SECONDS - time.perf_counter()
        return max(0, min(self._door.patience, left))

    async def send(self, message: Message) -> None:
        """Send a piece of the answer, with what every answer has."""
        if self._is_over:
            return
        if message["type"] != "http.response.start":
            await self._send_piece(message)
            return
        self._see(self.scope.get(PROBLEM))
        if message["status"] in _DENIED and not await self._noted(message["status"]):
            await self._answer(TooMany("too many requests were refused: wait", retry_after=60))
            self._is_over = True
            return
        await self._begin(message)

    async def _noted(self, status: int) -> bool:
        """Have a refusal written down; return False where an address has had more than its share of them."""
        if not self.seen.actor and not self._door.denials.take(site(self.seen.client)):
            return False
        await self._door.witness.denied(self.seen, status)
        return True

    async def _begin(self, message: Message) -> None:
        self.status = message["status"]
        given = [*headers.completed(message["headers"]), (b"x-request-id", self.seen.request_id.encode())]
        given += self._door.origins.headers(self.headers.get(b"origin"))
        if (
            self._reading
            and headers.has_body(self.headers)
            and not any(name == b"connection" for name, _ in given)
        ):
            # What is left of the body is not read: the connection ends with the answer.
            given.append((b"connection", b"close"))
        message["headers"] = given
        await self._send(message)

    async def _send_piece(self, message: Message) -> None:
        if self._is_head:
            # An answer that would go on for ever, too, ends with its head.
            self._is_over = True
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _answered_preflight(self) -> bool:
        method = self.headers.get(b"access-control-request-method")
        found = self._door.origins.preflight(self.headers.get(b"origin"), method)
        if found is None:
            return False
        await self._begin({"type": "http.response.start", "status": 204, "headers": found})
        await self._send({"type": "http.response.body", "body": b""})
        return True

    def _see(self, problem: Problem | None) -> None:
        if problem is not None:
            self.seen.problem, self.seen.reason = problem.slug, problem.detail

    async def _refuse(self, problem: Problem) -> None:
        if self.status or self._is_over:
            return
        self.scope[PROBLEM] = problem
        self._see(problem)
        if problem.status in _DENIED and not await self._noted(problem.status):
            problem = TooMany("too many requests were refused: wait", retry_after=60)
        await self._answer(problem)

    async def _answer(self, problem: Problem) -> None:
        body = msgspec.json.encode(problem.document(self.seen.path))
        own = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", str(len(body)).encode())]
        own += [(name.encode(), value.encode()) for name, value in problem.headers.items()]
        await self._begin({"type": "http.response.start", "status": problem.status, "headers": own})
        await self._send({"type": "http.response.body", "body": b"" if self._is_head else body})


def _asks_for_none(method: str, path: str, given: dict[bytes, bytes]) -> bool:
    """Say whether a request needs no credential."""
    if method == "OPTIONS" or path in PUBLIC:
        return True
    return path == SIGNING_OUT and b"authorization" not in given
