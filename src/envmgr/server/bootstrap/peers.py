"""The other services, as a service in a process of its own calls them: ports over gRPC."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

from envmgr.server.contracts.remote.apps import RemoteApps
from envmgr.server.contracts.remote.audit import RemoteAudit
from envmgr.server.contracts.remote.deployments import RemoteDeployments
from envmgr.server.contracts.remote.event_state import PeerEventStates, RemoteEventState
from envmgr.server.contracts.remote.identity import RemoteDenialLog, RemotePrincipals
from envmgr.server.contracts.remote.problem_messages import ProblemDetailMessages
from envmgr.server.contracts.remote.versions import RemoteVersions
from envmgr.server.kit.common.problems import Unauthenticated
from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.db.unit_calls import UnitCalls
from envmgr.server.kit.grpc.channel import PeerChannel
from envmgr.server.kit.grpc.tls import TlsIdentity, read_identity
from envmgr.server.kit.security.tokens import InvalidToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.kit.config.service_settings import TlsFiles
    from envmgr.server.kit.security.service_tokens import ServiceTokens
    from envmgr.server.kit.security.tokens import Keyring
    from envmgr.server.kit.telemetry.tracing import Tracing

_JWT_DOTS = 2


class Peers:
    """Channels to the other services, and their ports; created in the event loop that uses them.

    What is asked at an interval has channels of its own, so that it neither delays calls for requests nor opens their
    circuit breakers. It waits for no connection: it is asked again, and a start must not wait for peers.
    """

    def __init__(
        self,
        addresses: Mapping[str, str],
        tokens: ServiceTokens,
        keyring: Keyring,
        tls: TlsIdentity | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        messages = ProblemDetailMessages()
        self._keyring = keyring
        self.channels = {
            name: PeerChannel(name, address, tokens, messages, identity=tls, tracing=tracing)
            for name, address in addresses.items()
        }
        self._polled_channels = [
            PeerChannel(name, address, tokens, messages, identity=tls, connection_wait_seconds=0)
            for name, address in addresses.items()
        ]
        self.event_states = PeerEventStates([RemoteEventState(channel) for channel in self._polled_channels])

    @cached_property
    def apps(self) -> RemoteApps:
        """Return the port of apps."""
        return RemoteApps(self.channels["app"])

    @cached_property
    def versions(self) -> RemoteVersions:
        """Return the port of versions."""
        return RemoteVersions(self.channels["version"])

    @cached_property
    def deployments(self) -> RemoteDeployments:
        """Return the port of deployments."""
        return RemoteDeployments(self.channels["deployment"])

    @cached_property
    def audit(self) -> RemoteAudit:
        """Return the port of the audit log."""
        return RemoteAudit(self.channels["audit"])

    @cached_property
    def principals(self) -> RemotePrincipals:
        """Return the authenticator of requests, and the principals of calls."""
        return RemotePrincipals(self.channels["gateway"], UnitCalls().wait, verify=self._verify)

    @cached_property
    def denials(self) -> RemoteDenialLog:
        """Return the record of denied requests."""
        return RemoteDenialLog(self.channels["gateway"])

    async def close(self) -> None:
        """Close all channels."""
        await asyncio.gather(
            *(channel.close() for channel in (*self.channels.values(), *self._polled_channels))
        )

    def _verify(self, token: str) -> None:
        """Raise Unauthenticated for an access token that is not valid; API keys are known to the gateway only."""
        if token.count(".") != _JWT_DOTS:
            return
        try:
            self._keyring.verify(token)
        except InvalidToken as error:
            raise Unauthenticated(str(error), error="invalid_token") from None


def read_tls(files: TlsFiles | None) -> TlsIdentity | None:
    """Return the identity of a service, if it has one; raise SettingsError."""
    if files is None:
        return None
    try:
        return read_identity(files.key, files.certificates, files.authority)
    except OSError as error:
        raise SettingsError(
            f"cannot read a file of GRPC_TLS_CERT, GRPC_TLS_KEY or GRPC_TLS_CA: {error.strerror}: {error.filename}",
            "set them to readable PEM files",
        ) from error
