"""The call in progress in a server: caller, principal and trace; the policy of methods."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from msgspec import Struct

from envmgr.server.kit.common.context import Principal, Scope
from envmgr.server.kit.common.problems import Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grpc.aio import Server

    from envmgr.server.kit.common.context import CurrentPermissions, PrincipalRef

AddToServer: TypeAlias = "Callable[[Server], None]"
OPERATOR: Literal["operator"] = "operator"
"""Issuer of the tokens of administrative commands, which act without a principal."""
MethodPolicy = tuple[Scope, ...] | Literal["operator"]
"""Scopes of which a principal needs one, none for any caller; or `operator`."""


class PrincipalDirectory(Protocol):
    """Present principals of credentials."""

    async def resolve(self, ref: PrincipalRef) -> Principal:
        """Return a principal with its present permissions; raise Unauthenticated."""
        ...

    def current_permissions(self) -> CurrentPermissions:
        """Return the permissions as of now; blocks, for units of work; raise ServiceUnavailable."""
        ...


class ServerCall(Struct, frozen=True, kw_only=True):
    """A call that was authenticated."""

    caller: str
    """The calling service."""
    principal: Principal | None
    request_id: str
    traceparent: str
    current_permissions: "Callable[[], CurrentPermissions]"


class RpcService(Struct, frozen=True, kw_only=True):
    """A gRPC service: its name, its policy by method, and how it is added to a server."""

    name: str
    policies: "Mapping[str, MethodPolicy]"
    add: AddToServer
    polled_methods: frozenset[str] = frozenset()
    """Methods that other services call at an interval: no traces of their own, as probes over HTTP have none."""


_CALL: ContextVar[ServerCall] = ContextVar("_CALL")


def current_call() -> ServerCall:
    """Return the call in progress."""
    return _CALL.get()


def set_current_call(call: ServerCall) -> None:
    """Set the call in progress, for the task that handles it."""
    _CALL.set(call)


def require_principal(call: ServerCall) -> Principal:
    """Return the principal of a call; raise Unauthenticated without one."""
    if call.principal is None:
        raise Unauthenticated(f"service {call.caller} called without a principal")
    return call.principal
