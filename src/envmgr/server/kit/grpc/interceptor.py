"""Interceptor of a server: authentication, deadlines, problems as statuses, logs."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import grpc
from grpc import aio

from envmgr.server.kit.common.context import SCOPES_BY_ROLE, Principal
from envmgr.server.kit.common.deadlines import deadline_in
from envmgr.server.kit.common.problems import (
    Forbidden,
    InternalError,
    InvalidServiceToken,
    Problem,
    ServiceUnavailable,
    Unauthenticated,
    outcome_unknown,
)
from envmgr.server.kit.db.sql import DamagedDatabase
from envmgr.server.kit.grpc.call import OPERATOR, ServerCall, set_current_call
from envmgr.server.kit.grpc.methods import find_method, is_idempotent
from envmgr.server.kit.grpc.status import DETAILS_KEY, MAX_DETAIL_CHARACTERS, code_of, status_details
from envmgr.server.kit.grpc.tls import certified_names
from envmgr.server.kit.security.tokens import InvalidToken
from envmgr.server.kit.telemetry import trace_context
from envmgr.server.kit.telemetry.damage_log import log_damage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from envmgr.server.kit.common.context import PrincipalRef
    from envmgr.server.kit.grpc.call import MethodPolicy, PrincipalDirectory, RpcService
    from envmgr.server.kit.grpc.status import ProblemMessages
    from envmgr.server.kit.security.service_tokens import Caller, ServiceTokens
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.tracing import Tracing

MAX_CALL_SECONDS = 30.0
"""Time limit of a call, whatever deadline its client sets."""
PUBLIC_SERVICES = ("/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/")
"""Services for probes and tools, which need no token."""
_BEARER = "Bearer "
_SYSTEM_ACTOR = "system:"


@dataclass(frozen=True, slots=True)
class CallGuard:
    """Authentication of calls: tokens, principals, and the policy of each method."""

    tokens: ServiceTokens
    principals: PrincipalDirectory
    policies: Mapping[str, MethodPolicy]
    """By full name: `/package.Service/Method`. A method without a policy is refused."""

    async def authenticate(
        self, method: str, metadata: Mapping[str, str], names: frozenset[str] | None
    ) -> ServerCall:
        """Return the call; raise Unauthenticated, Forbidden; `names` are those of the client's certificate."""
        caller = self._verify(metadata.get("authorization", ""), names)
        principal = None if caller.principal is None else await self._resolve(caller.principal)
        self._require_policy(method, caller, principal)
        return ServerCall(
            caller=caller.service,
            principal=principal,
            request_id=trace_context.request_id(metadata.get("x-request-id", "").encode() or None),
            traceparent=_traceparent_of(metadata),
            current_permissions=self.principals.current_permissions,
        )

    def _verify(self, authorization: str, names: frozenset[str] | None) -> Caller:
        if not authorization.startswith(_BEARER):
            raise InvalidServiceToken("service token required")
        try:
            caller = self.tokens.verify(authorization.removeprefix(_BEARER))
        except InvalidToken as error:
            raise InvalidServiceToken(f"invalid service token: {error}", error="invalid_token") from None
        if names is not None and caller.service not in names:
            raise InvalidServiceToken(
                f"the client's certificate is not one of service {caller.service}", error="invalid_token"
            )
        return caller

    async def _resolve(self, ref: PrincipalRef) -> Principal:
        if ref.credential:
            return await self.principals.resolve(ref)
        if not ref.actor.startswith(_SYSTEM_ACTOR):
            raise Unauthenticated(f"{ref.actor} has no credential", error="invalid_token")
        return Principal(actor=ref.actor, role="system", scopes=SCOPES_BY_ROLE["system"] & ref.scopes)

    def _require_policy(self, method: str, caller: Caller, principal: Principal | None) -> None:
        policy = self.policies.get(method)
        if policy is None:
            raise Forbidden(f"{method} is not open to services")
        if policy == OPERATOR and caller.service != OPERATOR:
            raise Forbidden(f"{method} is only for administrative commands")
        if policy == OPERATOR or not policy:
            return
        if principal is None or not principal.scopes.intersection(policy):
            raise Forbidden(
                f"missing scope {policy[0]} (authenticated as {principal.actor if principal else caller.service})",
                required_scope=policy[0],
            )


class CallObserver(Protocol):
    """Receives each call that has ended."""

    def record_rpc(self, method: str, code: str, seconds: float) -> None:
        """Record a call of a method, as `package.Service/Method`, with the name of its status code."""
        ...


class _NullObserver:
    """A CallObserver that records nothing."""

    def record_rpc(self, method: str, code: str, seconds: float) -> None:
        """Record nothing."""


class CallInterceptor(aio.ServerInterceptor):
    """Interceptor of all methods of a server."""

    def __init__(
        self,
        guard: CallGuard,
        messages: ProblemMessages,
        log: Log,
        tracing: Tracing | None = None,
        observer: CallObserver | None = None,
        untraced_methods: Collection[str] = (),
    ) -> None:
        self._guard = guard
        self._messages = messages
        self._log = log
        self._tracing = tracing
        self._observer = observer or _NullObserver()
        self._untraced_methods = untraced_methods

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the handler of a method, within this interceptor."""
        method = handler_call_details.method
        handler = await continuation(handler_call_details)
        if handler is None or method.startswith(PUBLIC_SERVICES):
            return handler
        return grpc.unary_unary_rpc_method_handler(
            partial(self._handle, method, handler.unary_unary),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    async def _handle(
        self,
        method: str,
        behavior: Callable[[Any, Any], Awaitable[Any]],
        request: Any,
        context: aio.ServicerContext[Any, Any],
    ) -> Any:
        record = _Record(method, _metadata_of(context))
        try:
            with self._trace(record):
                return await self._run(record, behavior, request, context)
        except Problem as error:
            problem = error
        except TimeoutError:
            problem = _deadline_problem(record)
        except DamagedDatabase as error:
            problem = error.problem()
            log_damage(self._log, error, **record.fields())
        except Exception as error:  # noqa: BLE001 - turns any bug into a status
            problem = InternalError("internal error; search the log of the service for this request ID")
            self._log.error("rpc_failed", exc_info=error, **record.fields())
        return await self._fail(record, problem, context)

    async def _fail(
        self, record: _Record, problem: Problem, context: aio.ServicerContext[Any, Any]
    ) -> NoReturn:
        """End a call with a problem as its status."""
        record.problem = problem.slug
        self._log.info("rpc", **record.fields())
        details = status_details(self._messages, problem, record.method)
        code = code_of(problem)
        self._observer.record_rpc(record.method.removeprefix("/"), code.name, record.seconds)
        await context.abort(code, problem.detail[:MAX_DETAIL_CHARACTERS], ((DETAILS_KEY, details),))

    async def _run(
        self,
        record: _Record,
        behavior: Callable[[Any, Any], Awaitable[Any]],
        request: Any,
        context: aio.ServicerContext[Any, Any],
    ) -> Any:
        seconds = min(context.time_remaining() or MAX_CALL_SECONDS, MAX_CALL_SECONDS)
        with deadline_in(seconds):
            async with asyncio.timeout(seconds):
                trace_context.begin_trace(record.traceparent)
                names = certified_names(context.auth_context())
                call = await self._guard.authenticate(record.method, record.metadata, names)
                record.call = call
                set_current_call(call)
                response = await behavior(request, context)
        self._log.debug("rpc", **record.fields())
        self._observer.record_rpc(record.method.removeprefix("/"), grpc.StatusCode.OK.name, record.seconds)
        return response

    def _trace(self, record: _Record) -> AbstractContextManager[None]:
        if self._tracing is None or record.method in self._untraced_methods:
            return nullcontext()
        return self._tracing.server_call(record.method.removeprefix("/"), record.metadata)


class _Record:
    """A call as it is logged."""

    def __init__(self, method: str, metadata: dict[str, str]) -> None:
        self.method = method
        self.metadata = metadata
        self.call: ServerCall | None = None
        self.problem = ""
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Return the seconds since the call began."""
        return time.perf_counter() - self._started

    @property
    def traceparent(self) -> str:
        """Return the traceparent of the call, or an empty string."""
        return _traceparent_of(self.metadata)

    def fields(self) -> dict[str, object]:
        """Return the fields of the log event."""
        call = self.call
        fields: dict[str, object] = {
            "method": self.method,
            "duration_ms": round(self.seconds * 1000, 1),
            "request_id": call.request_id if call else self.metadata.get("x-request-id", ""),
        }
        if call is not None:
            fields |= {"caller": call.caller, "actor": call.principal.actor if call.principal else ""}
        optional = {"problem": self.problem, "traceparent": self.traceparent}
        return fields | {name: value for name, value in optional.items() if value}


def policies_of(services: Sequence[RpcService]) -> dict[str, MethodPolicy]:
    """Return the policies of services by the full names of their methods."""
    return {
        f"/{service.name}/{method}": policy
        for service in services
        for method, policy in service.policies.items()
    }


def _deadline_problem(record: _Record) -> Problem:
    """Return the problem of a call that reached its deadline."""
    if record.call is None or is_idempotent(find_method(record.method)):
        return ServiceUnavailable("deadline of the request exceeded; retry")
    return outcome_unknown("the deadline of the request passed during the call")


def polled_methods(services: Sequence[RpcService]) -> frozenset[str]:
    """Return the full names of the methods that are called at an interval."""
    return frozenset(f"/{service.name}/{method}" for service in services for method in service.polled_methods)


def _traceparent_of(metadata: Mapping[str, str]) -> str:
    return trace_context.traceparent(metadata.get("traceparent", "").encode())


def _metadata_of(context: aio.ServicerContext[Any, Any]) -> dict[str, str]:
    pairs = context.invocation_metadata() or ()
    return {key: value for key, value in pairs if isinstance(value, str)}
