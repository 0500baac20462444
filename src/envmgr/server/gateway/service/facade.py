"""Facade of the gateway's services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envmgr.server.gateway.auth.login_throttle import WINDOW_MS
from envmgr.server.gateway.store import failed_logins, oidc_bindings, sessions

if TYPE_CHECKING:
    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.gateway.service.api_keys import KeyService
    from envmgr.server.gateway.service.oidc_bindings import BindingService
    from envmgr.server.gateway.service.security_events import SecurityEventLog
    from envmgr.server.gateway.service.sessions import SessionService
    from envmgr.server.gateway.service.token_exchange import ExchangeService
    from envmgr.server.gateway.service.users import UserService
    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.security.passwords import Argon2PasswordHasher
    from envmgr.server.kit.security.tokens import Keyring

SESSION_RETENTION_MS = 30 * 24 * 3600 * 1000
"""How long revoked sessions are stored, to detect reuse of their refresh tokens."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """All services of the gateway."""

    database: Database
    keyring: Keyring
    passwords: Argon2PasswordHasher
    authenticator: Authenticator
    denials: SecurityEventLog
    sessions: SessionService
    users: UserService
    keys: KeyService
    bindings: BindingService
    exchange: ExchangeService

    @property
    def principals(self) -> Authenticator:
        """Return the port of principals."""
        return self.authenticator

    async def create_initial_admin(self, password: str = "") -> str | None:
        """Create the first admin in an empty database; return a generated password, else None."""
        return await self.users.create_initial_admin(password)

    async def cleanup(self) -> None:
        """Delete expired rows."""

        def purge(transaction: Transaction) -> None:
            failed_logins.purge(transaction, transaction.now - WINDOW_MS)
            oidc_bindings.purge_expired(transaction)
            sessions.purge(transaction, transaction.now - SESSION_RETENTION_MS)

        await self.database.write(purge)

    async def close(self) -> None:
        """Flush pending writes and stop the worker threads."""
        await self.authenticator.flush_last_used()
        self.passwords.close()
