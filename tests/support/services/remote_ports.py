"""Ports by transport: the local service, or its client over a gRPC server on the loopback interface."""

from __future__ import annotations

from contextlib import asynccontextmanager

from msgspec.structs import replace

from envmgr.server.contracts.remote.problem_messages import ProblemDetailMessages
from envmgr.server.kit.common.context import SCOPES_BY_ROLE, Idempotency, Principal, RequestContext
from envmgr.server.kit.common.problems import Forbidden, Unauthenticated
from envmgr.server.kit.grpc.channel import PeerChannel
from envmgr.server.kit.grpc.interceptor import CallGuard, CallInterceptor, policies_of, polled_methods
from envmgr.server.kit.grpc.server import GrpcServer
from envmgr.server.kit.security.service_tokens import ServiceTokens
from envmgr.server.kit.security.tokens import keyring
from support.services.event_recorders import RecordingLog

TRANSPORTS = ("local", "remote")
LOOPBACK = "127.0.0.1"
SERVICE_KEYS = keyring(secret="a-secret-of-all-services-of-a-test", private_key="", jwks="", path="").keys
MESSAGES = ProblemDetailMessages()
TRACEPARENT = f"00-{1:032x}-{2:016x}-01"


class Principals:
    """A directory of principals, which can lose their permissions."""

    def __init__(self):
        self._registered = {}
        self.resolved = []

    def context(self, role="admin", *, actor="user:ada", apps=None, scopes=None, key=None, if_match=None):
        """Create the context of a call by a principal with a credential."""
        principal = Principal(
            actor=actor,
            role=role,
            scopes=SCOPES_BY_ROLE[role] if scopes is None else frozenset(scopes),
            apps=None if apps is None else frozenset(apps),
            user_id=1,
            credential=f"session:{len(self._registered) + 1}",
        )
        self._registered[principal.credential] = principal
        return RequestContext(
            principal=principal,
            request_id="request-1",
            traceparent=TRACEPARENT,
            idempotency=None if key is None else Idempotency(key, "fingerprint"),
            if_match=None if if_match is None else frozenset({if_match}),
            current_permissions=self.current_permissions,
        )

    def revoke(self, context, *scopes):
        """Remove scopes from a context's principal; without any, revoke its credential."""
        principal = self._registered.pop(context.principal.credential)
        if scopes:
            self._registered[principal.credential] = replace(
                principal, scopes=principal.scopes.difference(scopes)
            )

    async def resolve(self, ref):
        self.resolved.append(ref)
        principal = self._registered.get(ref.credential)
        if principal is None or principal.actor != ref.actor:
            raise Unauthenticated("the credential was revoked or has expired", error="invalid_token")
        return replace(principal, scopes=principal.scopes & ref.scopes)

    def current_permissions(self):
        return self

    def require(self, principal):
        registered = self._registered.get(principal.credential)
        if registered is None:
            raise Unauthenticated("the credential was revoked or has expired", error="invalid_token")
        if missing := sorted(principal.scopes - registered.scopes):
            raise Forbidden(f"missing scope {missing[0]}")


@asynccontextmanager
async def serving(services, principals, *, name="app", port=0, log=None, **options):
    """Serve gRPC services; yield the address."""
    guard = CallGuard(ServiceTokens(name, SERVICE_KEYS), principals, policies_of(services))
    interceptor = CallInterceptor(
        guard,
        MESSAGES,
        log or RecordingLog(),
        options.pop("tracing", None),
        untraced_methods=polled_methods(services),
    )
    server = GrpcServer(services, interceptor, **options)
    bound = await server.start(LOOPBACK, port)
    try:
        yield f"{LOOPBACK}:{bound}"
    finally:
        await server.stop(0)


@asynccontextmanager
async def connected(address, *, peer="app", caller="gateway", **options):
    """Yield a channel to a peer, which waits for no connection unless the options say so."""
    tokens = ServiceTokens(caller, SERVICE_KEYS)
    channel = PeerChannel(peer, address, tokens, MESSAGES, **{"connection_wait_seconds": 0, **options})
    try:
        yield channel
    finally:
        await channel.close()


@asynccontextmanager
async def port_over(transport, service, services, remote, principals, *, caller="gateway"):
    """Yield a port: `service` itself, or `remote(channel)` for the gRPC `services` that serve it."""
    if transport == "local":
        yield service
        return
    log = RecordingLog()
    async with (
        serving(services, principals, log=log) as address,
        connected(address, caller=caller) as channel,
    ):
        yield remote(channel)
    assert "rpc_failed" not in log.events(), log.lines
