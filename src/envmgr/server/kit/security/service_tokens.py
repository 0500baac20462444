"""Service tokens: short-lived JWTs with which one service calls another.

A service calls for a principal or for itself. A token is for one called service. It names the principal by its
credential; it grants nothing that this credential does not allow at the time of the call, as the called service looks
the principal up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, get_args

from msgspec import Struct, to_builtins

from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.context import PrincipalRef, Scope
from envmgr.server.kit.common.ids import uuid7
from envmgr.server.kit.security.tokens import InvalidToken, RegisteredClaims, sign_payload, verify_payload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envmgr.server.kit.common.context import Principal
    from envmgr.server.kit.security.tokens import Key

K = TypeVar("K")
V = TypeVar("V")
TYPE = "service+jwt"
LIFETIME_SECONDS = 30
REUSE_SECONDS = 10
"""Seconds that a token is sent with further calls; what then remains is enough for a call with all of its retries."""
MAX_CACHED_TOKENS = 4096
"""Bound of the tokens that are cached as signed, and of those as verified: all are dropped once there are more."""


class ServiceClaims(RegisteredClaims, frozen=True, kw_only=True):
    """The claims of a service token: `iss` calls, `aud` is called, `sub` is the actor, empty for none."""

    sid: str = ""
    """The actor's credential; empty for actions of the calling service itself."""
    scope: str = ""


class Caller(Struct, frozen=True, kw_only=True):
    """The service that calls, and the principal that it calls for, if any."""

    service: str
    principal: PrincipalRef | None


class ServiceTokens:
    """Signer and verifier of service tokens for one service.

    `owners` maps IDs of keys to the only service that each may sign for; a key without an entry signs for all, as a
    secret does that all services share.
    """

    def __init__(self, service: str, keys: Sequence[Key], owners: Mapping[str, str] | None = None) -> None:
        self.service = service
        self._keys = keys
        self._owners = owners or {}
        self._signed: dict[tuple[str, Principal | None], tuple[str, int]] = {}
        """By called service and principal, a token and until when it is used, in seconds."""
        self._verified: dict[str, tuple[Caller, int]] = {}
        """By token, its caller and when it expires, in seconds."""

    def sign(self, audience: str, principal: Principal | None) -> str:
        """Return a token to call a service with; calls within `REUSE_SECONDS` share it."""
        now = now_ms() // 1000
        token, until = self._signed.get((audience, principal), ("", 0))
        if now < until <= now + REUSE_SECONDS:  # not after the clock was set back, either
            return token
        token = self._sign(audience, principal, now)
        _add_bounded(self._signed, (audience, principal), (token, now + REUSE_SECONDS))
        return token

    def verify(self, token: str) -> Caller:
        """Return the caller named by a token for this service; raise InvalidToken."""
        cached = self._verified.get(token)
        if cached is not None and now_ms() // 1000 < cached[1]:
            return cached[0]
        caller, expires_at = self._verify(token)
        _add_bounded(self._verified, token, (caller, expires_at))
        return caller

    def _sign(self, audience: str, principal: Principal | None, now: int) -> str:
        claims = ServiceClaims(
            iss=self.service,
            aud=audience,
            sub=principal.actor if principal else "",
            sid=principal.credential if principal else "",
            scope=" ".join(sorted(principal.scopes)) if principal else "",
            jti=uuid7(),
            iat=now,
            nbf=now,
            exp=now + LIFETIME_SECONDS,
        )
        return sign_payload(self._keys, TYPE, to_builtins(claims))

    def _verify(self, token: str) -> tuple[Caller, int]:
        """Return the caller, and when the token expires, in seconds."""
        key, claims = verify_payload(self._keys, TYPE, token, ServiceClaims, self.service)
        if self._owners.get(key.kid, claims.iss) != claims.iss:
            raise InvalidToken("signed with the key of another service")
        if claims.exp - claims.iat > LIFETIME_SECONDS:
            raise InvalidToken("token lives too long")
        return Caller(service=claims.iss, principal=_principal_ref(claims)), claims.exp


def _add_bounded(cache: dict[K, V], key: K, value: V) -> None:
    if len(cache) >= MAX_CACHED_TOKENS:
        cache.clear()
    cache[key] = value


def _principal_ref(claims: ServiceClaims) -> PrincipalRef | None:
    if not claims.sub:
        return None
    scopes = frozenset(scope for scope in get_args(Scope) if scope in claims.scope.split())
    return PrincipalRef(actor=claims.sub, credential=claims.sid, scopes=scopes)
