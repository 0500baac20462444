"""Authentication of bearer credentials, with a short-lived cache."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import TYPE_CHECKING, TypeVar

from envmgr.server.gateway.auth import current_principal
from envmgr.server.gateway.auth.current_principal import (
    StoredPermissions,
    binding_principal,
    key_principal,
    session_principal,
)
from envmgr.server.gateway.domain import identity_model
from envmgr.server.gateway.store import api_keys, oidc_bindings, sessions
from envmgr.server.kit.common.ids import as_id, is_id
from envmgr.server.kit.common.problems import ServiceUnavailable, Unauthenticated
from envmgr.server.kit.db.read_cache import ReadCache
from envmgr.server.kit.security.tokens import InvalidToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.common.context import CurrentPermissions, Principal, PrincipalRef
    from envmgr.server.kit.db.sql import Database, Reader, Transaction
    from envmgr.server.kit.security.tokens import Claims, Keyring

T = TypeVar("T")
CACHE_TTL_SECONDS = 5.0
"""Seconds that a verified credential is cached. Changes by this process invalidate it at once, those by another
process on the same database within this time."""

CACHE_GENERATION_SIZE = 4096
"""Credentials in one cache generation; the cache has two, and drops the older when the younger is full."""

BINDING_PREFIX = "binding:"
MAX_TOKEN_LENGTH = 4096


class CredentialCache:
    """Recently verified credentials."""

    def __init__(self) -> None:
        self._young: dict[str, tuple[Principal, float]] = {}
        self._old: dict[str, tuple[Principal, float]] = {}
        self.generation = 0
        """Number of invalidations: a result read before one must not be cached after it."""

    def get(self, token: str, now: float) -> Principal | None:
        """Return the cached principal of a token, None if unknown or expired."""
        cached = self._young.get(token) or self._old.get(token)
        # An entry that lasts longer is of a time before the clock was set back.
        if cached is None or not now < cached[1] <= now + CACHE_TTL_SECONDS:
            return None
        return cached[0]

    def put(self, token: str, principal: Principal, until: float) -> None:
        """Cache the principal of a token."""
        if len(self._young) >= CACHE_GENERATION_SIZE:
            self._old, self._young = self._young, {}
        self._young[token] = (principal, until)

    def clear(self) -> None:
        """Remove all entries."""
        self._young, self._old = {}, {}
        self.generation += 1


class Authenticator:
    """Resolve credentials to principals (implements `kit.telemetry.request_info.Authenticator`)."""

    def __init__(self, database: Database, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._cache = CredentialCache()
        self._last_used: dict[int, int] = {}
        self._expiries: ReadCache[Principal, int] = ReadCache(database)

    async def authenticate(self, token: str) -> Principal:
        """Return the principal of a token; raise Unauthenticated."""
        cached = self._cache.get(token, self._clock())
        return cached if cached is not None else await self._authenticate_uncached(token)

    async def resolve(self, ref: PrincipalRef) -> Principal:
        """Return a principal by its credential's ID, with its present permissions; raise Unauthenticated."""
        now = int(self._clock() * 1000)
        return await self._database.read_inline(lambda reader: current_principal.resolve(reader, ref, now))

    def current_permissions(self) -> CurrentPermissions:
        """Return the permissions as of now; blocks, for units of work; raise ServiceUnavailable."""
        return StoredPermissions(self._database, self._expiries.entries())

    async def write_and_invalidate(self, work: Callable[[Transaction], T]) -> T:
        """Run a unit of work that changes credentials, and clear the cache even if the caller is cancelled."""
        return await asyncio.shield(self._write_and_invalidate(work))

    async def _write_and_invalidate(self, work: Callable[[Transaction], T]) -> T:
        try:
            return await self._database.write(work)
        finally:
            self._cache.clear()

    async def flush_last_used(self) -> None:
        """Record when keys were last used."""
        used, self._last_used = self._last_used, {}
        if not used:
            return
        try:
            await self._database.write(lambda transaction: api_keys.set_last_used(transaction, used))
        except ServiceUnavailable:
            self._last_used = used | self._last_used
            raise

    async def _authenticate_uncached(self, token: str) -> Principal:
        now, generation = self._clock(), self._cache.generation
        principal, until = await self._resolve_principal(token, now)
        if generation == self._cache.generation:
            self._cache.put(token, principal, min(until, now + CACHE_TTL_SECONDS))
        return principal

    async def _resolve_principal(self, token: str, now: float) -> tuple[Principal, float]:
        if len(token) > MAX_TOKEN_LENGTH:
            raise _unauthenticated_error("invalid credential")
        if token.startswith(f"{identity_model.KEY}_"):
            return await self._database.read_inline(
                lambda reader: self._from_api_key(reader, token, int(now * 1000))
            )
        if token.startswith(f"{identity_model.REFRESH}_"):
            raise _unauthenticated_error("refresh tokens are only valid at POST /auth/refresh")
        try:
            claims = self._keyring.verify(token)
        except InvalidToken as error:
            raise _unauthenticated_error(str(error)) from None
        find = _from_binding if claims.sid.startswith(BINDING_PREFIX) else _from_session
        principal = await self._database.read_inline(lambda reader: find(reader, claims, int(now * 1000)))
        return principal, float(claims.exp)

    def _from_api_key(self, reader: Reader, token: str, now: int) -> tuple[Principal, float]:
        key_id = identity_model.parse_token_id(token, identity_model.KEY)
        key = api_keys.find_active(reader, key_id, now)
        if not hmac.compare_digest(key.hash if key else "", identity_model.hash_token(token)) or key is None:
            raise _unauthenticated_error("unknown, revoked or expired API key")
        self._last_used[key_id] = now
        return key_principal(key_id, key), float("inf") if key.expires_at is None else key.expires_at / 1000


def _from_session(reader: Reader, claims: Claims, now: int) -> Principal:
    session = sessions.find_active(reader, as_id(claims.sid), now) if is_id(claims.sid) else None
    if session is None or claims.sub != f"user:{session.username}":
        raise _unauthenticated_error("session expired; sign in again")
    return session_principal(session)


def _from_binding(reader: Reader, claims: Claims, _now: int) -> Principal:
    number = claims.sid.removeprefix(BINDING_PREFIX)
    binding = oidc_bindings.get(reader, as_id(number)) if is_id(number) else None
    if binding is None or not claims.sub.startswith(f"oidc:{binding.id}/"):
        raise _unauthenticated_error("the OIDC binding was removed")
    return binding_principal(binding, claims.sub, (claims.scope or "").split())


def _unauthenticated_error(detail: str) -> Unauthenticated:
    return Unauthenticated(detail, error="invalid_token")
