"""A gRPC server with the services of a process, health checks and reflection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from envmgr.server.kit.grpc.broken_calls import shorten_broken_calls
from envmgr.server.kit.grpc.options import server_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grpc_health.v1.health_pb2 import HealthCheckRequest

    from envmgr.server.kit.grpc.call import RpcService
    from envmgr.server.kit.grpc.interceptor import CallInterceptor
    from envmgr.server.kit.grpc.tls import TlsIdentity


class PortInUse(Exception):
    """The server cannot listen at its address."""


class _HealthServicer(health.aio.HealthServicer):
    """Health service whose streams end with the server: open ones would use up its grace period."""

    def __init__(self) -> None:
        super().__init__()
        self._is_over = asyncio.Event()

    async def Watch(self, request: HealthCheckRequest, context: aio.ServicerContext[Any, Any]) -> None:  # noqa: N802 - its name in the protocol
        """Send the health of a service whenever it changes."""
        watch = asyncio.ensure_future(super().Watch(request, context))
        over = asyncio.ensure_future(self._is_over.wait())
        try:
            await asyncio.wait({watch, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watch.cancel()
            over.cancel()
            await asyncio.gather(watch, over, return_exceptions=True)

    def end_streams(self) -> None:
        """End the streams of all clients."""
        self._is_over.set()


class GrpcServer:
    """A server; created in the event loop that runs it."""

    def __init__(
        self,
        services: Sequence[RpcService],
        interceptor: CallInterceptor,
        identity: TlsIdentity | None = None,
    ) -> None:
        shorten_broken_calls()
        self._server = aio.server(interceptors=[interceptor], options=server_options())
        self._identity = identity
        self._health = _HealthServicer()
        self._names = [service.name for service in services]
        for service in services:
            service.add(self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            [*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server
        )

    async def start(self, host: str, port: int) -> int:
        """Start to serve and return the port, which the system chooses for 0; raise PortInUse."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if self._identity is None:
                bound = self._server.add_insecure_port(address)
            else:
                bound = self._server.add_secure_port(address, self._identity.server_credentials)
        except RuntimeError as error:
            raise PortInUse(f"cannot listen on {address}: {error}") from error
        await self._server.start()
        for name in self._names:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return bound

    async def begin_shutdown(self) -> None:
        """Report all services as not serving, for balancers to send calls elsewhere."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace_seconds: float) -> None:
        """End the server after the calls in progress, or the grace period."""
        await self.begin_shutdown()
        self._health.end_streams()
        await self._server.stop(grace_seconds)
