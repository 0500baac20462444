"""Tokens of other issuers (OpenID Connect ID tokens, as CI systems give them to their jobs), verified.

The algorithm is that of the issuer's key, never the token's word; keys named inside a token are not looked at.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
import msgspec

from envmgr.server.kit.security import crypto
from envmgr.server.kit.security.tokens import InvalidToken, public_key_from_jwk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.kit.security.jwks_cache import Jwk, JwksCache

MAX_TOKEN_LENGTH = 16 * 2**10
LEEWAY_SECONDS = 30
"""Seconds that the clocks of issuers may differ from ours."""
MAX_TOKEN_LIFETIME_SECONDS = 24 * 3600
_SEGMENTS = 3
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str
    typ: str = "JWT"
    crit: list[str] | None = None


class _Unverified(msgspec.Struct, frozen=True):
    iss: str


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token says, by the word of its issuer; `mark` tells it from every other one."""

    claims: Mapping[str, Any]
    audiences: frozenset[str]
    token_id: str
    expires: int


def issuer_of(token: str) -> str:
    """Return who a token says it is of; nothing of that is verified. Raise InvalidToken."""
    said: _Unverified = _decode_segment(token, 1, _Unverified)
    return said.iss


async def verify(token: str, issuers: JwksCache) -> VerifiedToken:
    """Return what a token says, once it is known to be its issuer's. Raise InvalidToken, IssuerUnavailable."""
    issuer, header = issuer_of(token), _decode_segment(token, 0, _Header)
    if header.crit is not None or header.typ.upper() != "JWT":
        raise InvalidToken("the token is of a kind that is not taken")
    found = await issuers.key(issuer, header.kid)
    if found is None:
        raise InvalidToken("the issuer has no key of the name that the token says")
    key, algorithm = _key(found)
    if header.alg != algorithm:
        raise InvalidToken("the token is not signed as its issuer signs")
    return _verify_signature(token, key, algorithm, issuer)


def _verify_signature(token: str, key: crypto.PublicKey, algorithm: str, issuer: str) -> VerifiedToken:
    options: Any = {"require": ["exp", "iat", "iss", "aud", "sub"], "verify_aud": False}
    try:
        claims = jwt.decode(
            token, key, algorithms=[algorithm], issuer=issuer, leeway=LEEWAY_SECONDS, options=options
        )
    except (jwt.PyJWTError, ValueError) as error:
        raise InvalidToken(f"the token is not valid ({type(error).__name__})") from None
    expires, begun, said = int(claims["exp"]), int(claims["iat"]), claims["aud"]
    if expires - begun > MAX_TOKEN_LIFETIME_SECONDS:
        raise InvalidToken("the token lives for more than a day")
    audiences = frozenset(
        each for each in (said if isinstance(said, list) else [said]) if isinstance(each, str)
    )
    return VerifiedToken(
        claims, audiences, _token_id(token, issuer, claims.get("jti")), expires + LEEWAY_SECONDS
    )


def _key(found: Jwk) -> tuple[crypto.PublicKey, str]:
    try:
        key = public_key_from_jwk(found)
        usual = crypto.algorithm_of(key)
    except ValueError:
        raise InvalidToken("the issuer's key is not one to rely on") from None
    named = str(found.get("alg") or usual)
    if named != usual and not (usual in _RSA and named in _RSA):
        raise InvalidToken("the issuer's key names an algorithm that it is not for")
    return key, named


def _token_id(token: str, issuer: str, jti: object) -> str:
    """Name a token: by its id, or by all that is signed, as a signature may be spelled in several ways."""
    name = f"{issuer}\0{jti}" if isinstance(jti, str) and jti else token.rpartition(".")[0]
    return hashlib.sha256(name.encode()).hexdigest()


def _decode_segment(token: str, number: int, kind: type[Any]) -> Any:
    segments = token.split(".")
    if len(token) > MAX_TOKEN_LENGTH or len(segments) != _SEGMENTS or not token.isascii():
        raise InvalidToken("it is no JWT")
    try:
        return msgspec.json.decode(urlsafe_b64decode(segments[number] + "=="), type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise InvalidToken("it is no JWT that says whose it is and with which key it is signed") from None
