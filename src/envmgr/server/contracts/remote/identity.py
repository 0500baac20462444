"""The port of identity over gRPC, and principals of credentials with a short-lived cache."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

from envmgr.server.contracts.proto import identity_pb2 as pb
from envmgr.server.contracts.proto.identity_pb2_grpc import PrincipalServiceStub
from envmgr.server.contracts.remote.codecs import PRINCIPAL, PRINCIPAL_REF, REQUEST_INFO
from envmgr.server.contracts.remote.identity_ports import (
    RemoteApiKeys,
    RemoteBindings,
    RemoteSessions,
    RemoteUsers,
)
from envmgr.server.kit.common.context import PrincipalRef
from envmgr.server.kit.common.deadlines import remaining_seconds
from envmgr.server.kit.common.problems import Forbidden, ServiceUnavailable
from envmgr.server.kit.common.shared_calls import SharedCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

    from envmgr.server.kit.common.context import Principal
    from envmgr.server.kit.grpc.channel import PeerChannel
    from envmgr.server.kit.telemetry.request_info import RequestInfo

CACHE_TTL_SECONDS = 5.0
"""Seconds that a principal is cached for reads, as in the gateway; what authorizes a write is never cached."""
MAX_CACHED_PRINCIPALS = 4096
CHECK_TIMEOUT_SECONDS = 3.0
"""Deadline of a check in a transaction, which holds locks meanwhile."""
K = TypeVar("K", bound="Hashable")


class _PrincipalCache(Generic[K]):
    """Principals that were looked up recently; the oldest are evicted."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: OrderedDict[K, tuple[Principal, float]] = OrderedDict()

    def get(self, key: K) -> Principal | None:
        """Return a principal, None if it is unknown or was looked up too long ago."""
        entry = self._entries.get(key)
        return entry[0] if entry is not None and self._clock() < entry[1] else None

    def put(self, key: K, principal: Principal) -> None:
        """Add a principal."""
        self._entries[key] = principal, self._clock() + CACHE_TTL_SECONDS
        self._entries.move_to_end(key)
        if len(self._entries) > MAX_CACHED_PRINCIPALS:
            self._entries.popitem(last=False)


class RemotePermissions:
    """Permissions at the gateway (implements `kit.common.context.CurrentPermissions`).

    Each principal is looked up once: the units of one commit share the answer.
    """

    def __init__(self, resolve: Callable[[PrincipalRef], Principal]) -> None:
        self._resolve = resolve
        self._present: dict[Principal, Principal] = {}

    def require(self, principal: Principal) -> None:
        """Raise Unauthenticated or Forbidden if a principal has lost a permission.

        A principal without a credential is the server itself.
        """
        if not principal.credential:
            return
        if principal not in self._present:
            ref = PrincipalRef(
                actor=principal.actor, credential=principal.credential, scopes=principal.scopes
            )
            self._present[principal] = self._resolve(ref)
        if missing := sorted(principal.scopes - self._present[principal].scopes):
            raise Forbidden(f"missing scope {missing[0]}: permissions were reduced during the request")


def _accept(_token: str) -> None:
    """Accept a token, for the gateway to verify."""


class RemotePrincipals:
    """Principals of the gateway's credentials.

    Implements `Authenticator`, `contracts.ports.Principals` and `kit.grpc.call.PrincipalDirectory`. `wait` runs a
    coroutine from within a unit of work (`kit.db.unit_calls`). `verify` raises Unauthenticated for a token that this
    process knows to be invalid, before the gateway is asked.
    """

    def __init__(
        self,
        peer: PeerChannel,
        wait: Callable[[Coroutine[object, object, Principal]], Principal],
        clock: Callable[[], float] = time.monotonic,
        verify: Callable[[str], None] = _accept,
    ) -> None:
        self._peer = peer
        self._stub = PrincipalServiceStub(peer.channel)
        self._wait = wait
        self._verify = verify
        self._by_token: _PrincipalCache[str] = _PrincipalCache(clock)
        self._by_ref: _PrincipalCache[PrincipalRef] = _PrincipalCache(clock)
        self._shared: SharedCalls[PrincipalRef, Principal] = SharedCalls(self.resolve_uncached)

    async def authenticate(self, token: str) -> Principal:
        """Return the principal of a token; raise Unauthenticated."""
        cached = self._by_token.get(token)
        if cached is not None:
            return cached
        self._verify(token)
        response = await self._peer.call(self._stub.Authenticate, lambda: pb.AuthenticateRequest(token=token))
        principal = PRINCIPAL.decode(response.principal)
        self._by_token.put(token, principal)
        return principal

    async def resolve(self, ref: PrincipalRef) -> Principal:
        """Return a principal with its present permissions, within `ref.scopes`; raise Unauthenticated."""
        cached = self._by_ref.get(ref)
        if cached is not None:
            return cached
        principal = await self.resolve_uncached(ref)
        self._by_ref.put(ref, principal)
        return principal

    def current_permissions(self) -> RemotePermissions:
        """Return the permissions as of the first question about each principal; for units of work."""
        return RemotePermissions(lambda ref: self._wait(self._resolve_now(ref)))

    async def _resolve_now(self, ref: PrincipalRef) -> Principal:
        """Return a principal as of a moment after this call, which units that run side by side share."""
        seconds = remaining_seconds(CHECK_TIMEOUT_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                return await self._shared.fetch(ref)
        except TimeoutError:
            raise ServiceUnavailable(
                f"service {self._peer.peer} did not confirm the caller's permissions within {seconds:.1f} s; retry"
            ) from None

    async def resolve_uncached(self, ref: PrincipalRef) -> Principal:
        """Return a principal with the permissions that it has now."""
        response = await self._peer.call(
            self._stub.ResolvePrincipal,
            lambda: pb.ResolvePrincipalRequest(principal=PRINCIPAL_REF.encode(ref)),
            timeout_seconds=CHECK_TIMEOUT_SECONDS,
        )
        return PRINCIPAL.decode(response.principal)


class RemoteDenialLog:
    """Record of denied requests at the gateway (implements `contracts.ports.DenialLog`)."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = PrincipalServiceStub(peer.channel)

    async def record_denial(self, info: RequestInfo, status: int) -> None:
        """Record a denied request before its response is sent."""
        await self._peer.call(
            self._stub.RecordDenial,
            lambda: pb.RecordDenialRequest(request=REQUEST_INFO.encode(info), status=status),
        )


class RemoteIdentity:
    """Identity of the gateway (implements `contracts.ports.Identity`)."""

    def __init__(self, peer: PeerChannel, principals: RemotePrincipals) -> None:
        self.principals = principals
        self.denials = RemoteDenialLog(peer)
        self.sessions = RemoteSessions(peer)
        self.users = RemoteUsers(peer)
        self.keys = RemoteApiKeys(peer)
        self.bindings = RemoteBindings(peer)

    @property
    def authenticator(self) -> RemotePrincipals:
        """Return the authenticator of requests."""
        return self.principals

    @property
    def exchange(self) -> RemoteBindings:
        """Return the port of the token exchange."""
        return self.bindings

    async def create_initial_admin(self, password: str = "") -> str | None:
        """Create the first admin if no user exists; return the generated password, if any."""
        return await self.users.create_initial_admin(password)
