"""Verification of OIDC ID tokens from other issuers, such as CI systems.

The algorithm is the issuer key's, never the token's claim; keys embedded in a token are ignored.
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
"""Allowed clock skew in seconds."""
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
    """The verified claims of a token; `mark` identifies the token."""

    claims: Mapping[str, Any]
    audiences: frozenset[str]
    token_id: str
    expires: int


def issuer_of(token: str) -> str:
    """Return a token's unverified issuer; raise InvalidToken."""
    text: _Unverified = _decode_segment(token, 1, _Unverified)
    return text.iss


async def verify(token: str, issuers: JwksCache) -> VerifiedToken:
    """Return a token's claims after verification; raise InvalidToken, IssuerUnavailable."""
    issuer, header = issuer_of(token), _decode_segment(token, 0, _Header)
    if header.crit is not None or header.typ.upper() != "JWT":
        raise InvalidToken("unsupported token type")
    jwk = await issuers.key(issuer, header.kid)
    if jwk is None:
        raise InvalidToken("unknown key ID")
    key, algorithm = _key(jwk)
    if header.alg != algorithm:
        raise InvalidToken("signature algorithm mismatch")
    return _verify_signature(token, key, algorithm, issuer)


def _verify_signature(token: str, key: crypto.PublicKey, algorithm: str, issuer: str) -> VerifiedToken:
    options: Any = {"require": ["exp", "iat", "iss", "aud", "sub"], "verify_aud": False}
    try:
        claims = jwt.decode(
            token, key, algorithms=[algorithm], issuer=issuer, leeway=LEEWAY_SECONDS, options=options
        )
    except (jwt.PyJWTError, ValueError) as error:
        raise InvalidToken(f"invalid token ({type(error).__name__})") from None
    expires, begun, text = int(claims["exp"]), int(claims["iat"]), claims["aud"]
    if expires - begun > MAX_TOKEN_LIFETIME_SECONDS:
        raise InvalidToken("token lifetime exceeds one day")
    audiences = frozenset(
        item for item in (text if isinstance(text, list) else [text]) if isinstance(item, str)
    )
    return VerifiedToken(
        claims, audiences, _token_id(token, issuer, claims.get("jti")), expires + LEEWAY_SECONDS
    )


def _key(jwk: Jwk) -> tuple[crypto.PublicKey, str]:
    try:
        key = public_key_from_jwk(jwk)
        usual = crypto.algorithm_of(key)
    except ValueError:
        raise InvalidToken("issuer key too weak") from None
    algorithm = str(jwk.get("alg") or usual)
    if algorithm != usual and not (usual in _RSA and algorithm in _RSA):
        raise InvalidToken("issuer key algorithm mismatch")
    return key, algorithm


def _token_id(token: str, issuer: str, jti: object) -> str:
    """Return a digest that identifies a token: of its ID, or of its signed part without the signature."""
    name = f"{issuer}\0{jti}" if isinstance(jti, str) and jti else token.rpartition(".")[0]
    return hashlib.sha256(name.encode()).hexdigest()


def _decode_segment(token: str, number: int, kind: type[Any]) -> Any:
    segments = token.split(".")
    if len(token) > MAX_TOKEN_LENGTH or len(segments) != _SEGMENTS or not token.isascii():
        raise InvalidToken("not a JWT")
    try:
        return msgspec.json.decode(urlsafe_b64decode(segments[number] + "=="), type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise InvalidToken("JWT lacks issuer or key ID") from None
