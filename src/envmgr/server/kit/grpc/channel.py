"""Channel to one peer: deadlines, retries, a circuit breaker, and errors as problems.

A method is repeated if `proto/` declares it as idempotent (`idempotency_level`); others only if they were not sent.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf.message import Message
from grpc import aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.deadlines import deadline_in, remaining_seconds
from envmgr.server.kit.common.problems import BadRequest, InvalidServiceToken, ServiceUnavailable
from envmgr.server.kit.grpc.circuit_breaker import CircuitBreaker
from envmgr.server.kit.grpc.methods import is_idempotent
from envmgr.server.kit.grpc.options import MAX_RECONNECT_SECONDS, channel_options
from envmgr.server.kit.grpc.status import (
    UNREACHABLE_CODES,
    is_unsent,
    problem_of,
    refusal_problem,
    transport_problem,
    unknown_outcome_problem,
)
from envmgr.server.kit.telemetry.trace_context import current_traceparent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.descriptor import Descriptor, MethodDescriptor

    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.problems import Problem
    from envmgr.server.kit.grpc.status import ProblemMessages
    from envmgr.server.kit.grpc.tls import TlsIdentity
    from envmgr.server.kit.security.service_tokens import ServiceTokens
    from envmgr.server.kit.telemetry.tracing import Tracing

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)
CALL_TIMEOUT_SECONDS = 10.0
"""Deadline of a call, where the request in progress has no earlier one."""
HEALTH_TIMEOUT_SECONDS = 1.5
MAX_ATTEMPTS = 3
RETRY_BACKOFF = Backoff(0.1, 1.0)
CONNECTION_WAIT_SECONDS = 1.5 * MAX_RECONNECT_SECONDS
"""How long a call waits for a connection to a peer that may have come back: longer than any pause between two attempts
to connect, which gRPC varies by a fifth."""
_CONNECTION_POLL_SECONDS = 0.02


class PeerChannel:
    """A channel to a service; created in the event loop that uses it."""

    def __init__(  # noqa: PLR0913 - independent options, all keyword-only
        self,
        peer: str,
        address: str,
        tokens: ServiceTokens,
        messages: ProblemMessages,
        *,
        identity: TlsIdentity | None = None,
        breaker: CircuitBreaker | None = None,
        tracing: Tracing | None = None,
        connection_wait_seconds: float = CONNECTION_WAIT_SECONDS,
    ) -> None:
        self.peer = peer
        self.breaker = breaker or CircuitBreaker(peer)
        self.refusal = ""
        """Why the peer refused the service token of the last call that it answered, if it did."""
        self._tokens = tokens
        self._messages = messages
        self._tracing = tracing
        self._connection_wait_seconds = connection_wait_seconds
        self._is_connection_lost = False
        options = channel_options(peer, address)
        self.channel: aio.Channel = (
            aio.insecure_channel(address, options=options)
            if identity is None
            else aio.secure_channel(address, identity.channel_credentials, options=options)
        )

    async def call(
        self,
        method: aio.UnaryUnaryMultiCallable[Q, R],
        make_request: Callable[[], Q],
        context: RequestContext | None = None,
        timeout_seconds: float = CALL_TIMEOUT_SECONDS,
    ) -> R:
        """Call a method for a context's principal, or for this service.

        Raise the peer's problem, ServiceUnavailable; BadRequest if the request cannot be made, as messages cannot hold
        its text or its numbers.
        """
        request = _build_request(make_request)
        descriptor = _method_of(request.DESCRIPTOR)
        with deadline_in(timeout_seconds):
            for attempt in range(1, MAX_ATTEMPTS):
                try:
                    return await self._attempt(descriptor, method, request, context)
                except _Unreachable as error:
                    delay = RETRY_BACKOFF.delay(attempt)
                    if remaining_seconds(timeout_seconds) <= delay:
                        raise error.problem from None
                await asyncio.sleep(delay)
            await self._await_connection(remaining_seconds(timeout_seconds))
            try:
                return await self._attempt(descriptor, method, request, context)
            except _Unreachable as error:
                raise error.problem from None

    async def check(self) -> None:
        """Raise ServiceUnavailable unless the peer answers that it serves calls."""
        stub: Any = HealthStub(self.channel)
        try:
            response = await stub.Check(HealthCheckRequest(), timeout=HEALTH_TIMEOUT_SECONDS)
        except aio.AioRpcError as error:
            raise transport_problem(self.peer, error) from None
        if response.status != HealthCheckResponse.SERVING:
            raise ServiceUnavailable(f"service {self.peer} is shutting down; retry")

    async def close(self) -> None:
        """Close the connections; calls in progress end."""
        await self.channel.close()

    async def _attempt(
        self,
        descriptor: MethodDescriptor,
        method: aio.UnaryUnaryMultiCallable[Q, R],
        request: Q,
        context: RequestContext | None,
    ) -> R:
        seconds = remaining_seconds(math.inf)
        self._admit()
        try:
            with self._trace(descriptor, context) as traceparent:
                response = await method(
                    request,
                    timeout=seconds,
                    metadata=self._metadata(context, traceparent),
                    wait_for_ready=False,
                )
        except aio.AioRpcError as error:
            raise self._problem(descriptor, error) from None
        except aio.UsageError as error:
            self.breaker.release()
            raise ServiceUnavailable(f"channel to service {self.peer} is closed: {error}") from None
        except BaseException:
            self.breaker.release()
            raise
        self.breaker.succeed()
        self.refusal = ""
        return response

    async def _await_connection(self, remaining: float) -> None:
        """Wait for a connection, if the last call had none, in at most half of the remaining time."""
        end = time.monotonic() + min(self._connection_wait_seconds, remaining / 2)
        while self._is_disconnected() and time.monotonic() < end:  # noqa: ASYNC110 - a channel sets no event
            await asyncio.sleep(_CONNECTION_POLL_SECONDS)

    def _is_disconnected(self) -> bool:
        """Return whether the last call was not sent for lack of a connection, which is still missing."""
        return self._is_connection_lost and not self._is_connected()

    def _is_connected(self) -> bool:
        """Return whether a call would be sent; connect if nothing else does."""
        return self.channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY

    def _admit(self) -> None:
        """Admit a call by the circuit breaker; raise ServiceUnavailable.

        A connection is ready once the peer has answered that it serves, which closes the circuit.
        """
        if self._is_connection_lost and self._is_connected():
            self._is_connection_lost = False
            self.breaker.succeed()
        self.breaker.acquire()

    def _problem(self, descriptor: MethodDescriptor, error: aio.AioRpcError) -> Exception:
        """Return what a failed call raises, and record in the breaker whether the peer answered."""
        if (problem := problem_of(self._messages, error)) is not None:
            self.breaker.succeed()
            return self._request_problem(problem)
        problem = transport_problem(self.peer, error)
        self._is_connection_lost = is_unsent(error)
        is_repeatable = self._is_connection_lost or is_idempotent(descriptor)
        if isinstance(problem, ServiceUnavailable) and not is_repeatable:
            problem = unknown_outcome_problem(self.peer)
        if error.code() not in UNREACHABLE_CODES:
            self.breaker.release()
            return problem
        self.breaker.fail()
        is_unavailable = error.code() is grpc.StatusCode.UNAVAILABLE
        return _Unreachable(problem) if is_unavailable and is_repeatable else problem

    def _request_problem(self, problem: Problem) -> Problem:
        """Return the problem of the request that caused a call, by that of the call; record a refusal.

        A refused service token has no bearing on the request's own credential, so the request gets no 401.
        """
        if not isinstance(problem, InvalidServiceToken):
            self.refusal = ""
            return problem
        refusal = refusal_problem(self.peer, self._tokens.service, problem)
        self.refusal = refusal.detail
        return refusal

    def _metadata(self, context: RequestContext | None, traceparent: str) -> aio.Metadata:
        token = self._tokens.sign(self.peer, context.principal if context else None)
        metadata = aio.Metadata(("authorization", f"Bearer {token}"))
        if context is not None and context.request_id:
            metadata.add("x-request-id", context.request_id)
        if traceparent:
            metadata.add("traceparent", traceparent)
        return metadata

    @contextmanager
    def _trace(self, descriptor: MethodDescriptor, context: RequestContext | None) -> Iterator[str]:
        """Yield the trace context to send."""
        traceparent = (context.traceparent if context else "") or current_traceparent()
        if self._tracing is None:
            yield traceparent
            return
        service = descriptor.containing_service.full_name
        with self._tracing.client_call(f"{service}/{descriptor.name}", traceparent) as span_traceparent:
            yield span_traceparent


class _Unreachable(Exception):
    """The peer was not reached by a call that may be repeated; carries the problem to raise in the end."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def _build_request(make_request: Callable[[], Q]) -> Q:
    try:
        return make_request()
    except ValueError as error:
        raise BadRequest(f"value cannot be sent: {error}") from None


@cache
def _method_of(request: Descriptor) -> MethodDescriptor:
    """Return the method that a type of requests belongs to; each method has its own."""
    for service in request.file.services_by_name.values():
        for method in service.methods:
            if method.input_type is request:
                return method
    raise LookupError(f"{request.full_name} is not the request of a method")
