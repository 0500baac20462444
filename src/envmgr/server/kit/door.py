"""The door that every request comes through before any routing: who is it, what does it bring, how long does it take.

Pure ASGI (https://asgi.readthedocs.io/en/latest/specs/www.html), around the whole application, so that nothing
answers without it.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from envmgr.server.kit.call import Call
from envmgr.server.kit.edge import CALL, PROBLEM, PROBLEM_JSON
from envmgr.server.kit.ids import uuid7
from envmgr.server.kit.problems import (
    Bug,
    ConditionRequired,
    IdempotencyKeyInUse,
    Problem,
    TimedOut,
    TooLarge,
    Unauthenticated,
    UnsupportedMedia,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from envmgr.server.kit.call import Principal

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

API = b"1"
"""The version of the API, on every answer: clients say by it whether they and the server go together."""

BODY = 2**20
LOCK_BODY = 7 * 2**20
"""A lock of 5 MiB, as the JSON string that it travels in."""

PATIENCE = 20.0
"""Seconds that may pass between two pieces of a body."""

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
_FORMS = frozenset({"/auth/token"})
_BODIED = frozenset({"POST", "PUT", "PATCH"})
_CHANGING = frozenset({"PUT", "PATCH", "DELETE"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_HEADERS = (
    (b"alm-api", API),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Authenticator(Protocol):
    """Knows whom a credential belongs to."""

    async def authenticate(self, token: str) -> Principal:
        """Return whose token it is. Raise Unauthenticated."""
        ...


class Witness(Protocol):
    """Sees what the door sees."""

    async def denied(self, seen: Seen, status: int) -> None:
        """Take note of a refused request, before its answer leaves."""
        ...

    def answered(self, seen: Seen, status: int, seconds: float) -> None:
        """Take note of an answer."""
        ...

    def failed(self, seen: Seen, error: BaseException) -> None:
        """Take note of a bug of ours."""
        ...


@dataclass(slots=True)
class Seen:
    """A request, as logs, metrics and the audit speak of it."""

    method: str
    path: str
    client: str
    request_id: str
    actor: str = ""
    route: str = ""
    traceparent: str = ""
    problem: str = ""
    """The kind of problem it was answered with."""
    reason: str = ""


class Door:
    """Lets requests in."""

    def __init__(
        self,
        application: Application,
        authenticator: Authenticator,
        witness: Witness,
        *,
        require_if_match: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        self._application = application
        self._authenticator = authenticator
        self._witness = witness
        self._require_if_match = require_if_match
        self._patience = patience
        self._running: set[tuple[str, bytes]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI has it."""
        if scope["type"] == "http":
            await _Visit(self, scope, receive, send).run()
        else:
            await self._application(scope, receive, send)

    async def admit(self, visit: _Visit) -> Call | None:
        """Return the call of a request that may go on; None where no credential is asked for."""
        self._check_body(visit)
        if visit.seen.path in PUBLIC or visit.seen.path.startswith("/docs/"):
            return None
        principal = await self._authenticator.authenticate(_bearer(visit.headers))
        visit.seen.actor = principal.actor
        self._check_condition(visit)
        return Call(principal=principal, request_id=visit.seen.request_id, traceparent=visit.seen.traceparent)

    async def enter(self, visit: _Visit, call: Call | None) -> None:
        """Hand a request on; of those with the same Idempotency-Key, one at a time."""
        key = visit.headers.get(b"idempotency-key")
        if key is None or call is None:
            await self._application(visit.scope, visit.receive, visit.send)
            return
        running = (call.principal.actor, key)
        if running in self._running:
            raise IdempotencyKeyInUse(
                "the first request with this key has no answer yet: ask again in a moment"
            )
        self._running.add(running)
        try:
            await self._application(visit.scope, visit.receive, visit.send)
        finally:
            self._running.discard(running)

    def _check_body(self, visit: _Visit) -> None:
        length = visit.headers.get(b"content-length", b"0")
        if int(length) > visit.limit:
            raise too_large(visit.limit)
        if visit.seen.method in _BODIED and (length != b"0" or b"transfer-encoding" in visit.headers):
            _check_media(visit)

    def _check_condition(self, visit: _Visit) -> None:
        if self._require_if_match and visit.seen.method in _CHANGING and b"if-match" not in visit.headers:
            raise ConditionRequired('send If-Match with the ETag that you saw, or If-Match: "*" for any')

    @property
    def witness(self) -> Witness:
        """Who sees what the door sees."""
        return self._witness

    @property
    def patience(self) -> float:
        """Seconds that may pass between two pieces of a body."""
        return self._patience


class _Visit:
    """One request on its way through the door and back."""

    def __init__(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.seen = Seen(
            method=scope["method"],
            path=scope["path"],
            client=(scope.get("client") or ("", 0))[0],
            request_id=_request_id(self.headers.get(b"x-request-id")),
            traceparent=_traceparent(self.headers.get(b"traceparent")),
        )
        self.limit = LOCK_BODY if "/versions" in self.seen.path else BODY
        self._door = door
        self._receive = receive
        self._send = send
        self._brought = 0
        self._started = time.perf_counter()
        self._status = 0

    async def run(self) -> None:
        """Let the request in, and its answer out; whatever is not answered inside is answered here."""
        try:
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
            self._door.witness.answered(self.seen, self._status, time.perf_counter() - self._started)

    async def receive(self) -> Message:
        """Bring the next piece of the request's body, unless it is too much or too late."""
        try:
            message = (
                await asyncio.wait_for(self._receive(), self._door.patience)
                if self._reading
                else await self._receive()
            )
        except TimeoutError:
            raise TimedOut(f"no piece of the body came for {self._door.patience:g} s") from None
        self._brought += len(message.get("body", b""))
        if self._brought > self.limit:
            raise too_large(self.limit)
        self._reading = message["type"] == "http.request" and bool(message.get("more_body"))
        return message

    _reading = True

    async def send(self, message: Message) -> None:
        """Send a piece of the answer, with what every answer has."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._see(self.scope.get(PROBLEM))
            if self._status in {401, 403}:
                await self._door.witness.denied(self.seen, self._status)
            own = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(header for header in _HEADERS if header[0] not in own),
                (b"x-request-id", self.seen.request_id.encode()),
            ]
        await self._send(message)

    def _see(self, problem: Problem | None) -> None:
        if problem is not None:
            self.seen.problem, self.seen.reason = problem.slug, problem.detail

    async def _refuse(self, problem: Problem) -> None:
        if self._status:
            return
        self.scope[PROBLEM] = problem
        body = msgspec.json.encode(problem.document(self.seen.path))
        headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", str(len(body)).encode())]
        headers += [(name.encode(), value.encode()) for name, value in problem.headers.items()]
        # What is left of the body is not read: the connection ends with the answer.
        headers.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def too_large(limit: int) -> TooLarge:
    """Say how large a body may be."""
    return TooLarge(f"a body may have {limit // 2**20} MiB here", headers={"connection": "close"})


def _bearer(headers: dict[bytes, bytes]) -> str:
    header = headers.get(b"authorization")
    if header is None:
        raise Unauthenticated("send Authorization: Bearer with a token of POST /auth/login, or an API key")
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer" or not token.isascii():
        raise Unauthenticated("the Authorization header holds no bearer token", error="invalid_request")
    return token.strip().decode()


def _check_media(visit: _Visit) -> None:
    media = visit.headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if media == b"application/json" or (
        visit.seen.method == "PATCH" and media == b"application/merge-patch+json"
    ):
        return
    if visit.seen.path in _FORMS and media == b"application/x-www-form-urlencoded":
        return
    raise UnsupportedMedia("send application/json", headers={"accept": "application/json"})


def _request_id(header: bytes | None) -> str:
    return header.decode() if header and _REQUEST_ID.fullmatch(header) else uuid7()


def _traceparent(header: bytes | None) -> str:
    return header.decode() if header and _TRACEPARENT.fullmatch(header) else ""
