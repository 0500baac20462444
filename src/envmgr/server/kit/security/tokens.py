"""Access tokens: JWTs (RFC 7519, profile RFC 9068), signed and accepted by this server only.

A key is used with one algorithm, its own, whatever a token's header claims; headers that reference keys (`jku`, `x5u`,
`jwk`) or are unexpected are refused.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import jwt
import msgspec
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.security import crypto
from envmgr.server.kit.security.secret_file import load_or_create

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TYPE = "at+jwt"
SECRET_BYTES = 32
_MIN_DIFFERENT_BYTES = 8
"""Of 32 random hexadecimal digits, fewer differ once in 28 million."""
MAX_TOKEN_LENGTH = 4096
CLOCK_LEEWAY_SECONDS = 60
"""How far `iat` and `nbf` may lie in the future: the clock may have been set back since the token was signed."""
_REQUIRED_CLAIMS = ["exp", "iat", "nbf", "iss", "aud", "sub", "jti"]
_SEGMENTS = 3
_KEY_TYPES: dict[str, Any] = {"RSA": RSAAlgorithm, "OKP": OKPAlgorithm, "EC": ECAlgorithm}

_PRIVATE_HINT = "generate a key with `openssl genpkey -algorithm ed25519`"
_NO_KEY_HINT = f"set JWT_SECRET to {SECRET_BYTES} or more random bytes: `openssl rand -base64 48`"
_PUBLIC_HINT = "expected a JWK set, a PEM public key, or a path to one"


class InvalidToken(Exception):
    """The token is invalid; the message gives the reason and no part of the token."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: str
    typ: str


class RegisteredClaims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of every token (RFC 7519, section 4.1)."""

    sub: str
    jti: str
    iss: str
    aud: str
    exp: int
    iat: int
    nbf: int


class Claims(RegisteredClaims, frozen=True, kw_only=True):
    """The claims of an access token."""

    sid: str
    scope: str | None = None


C = TypeVar("C", bound=RegisteredClaims)


@dataclass(frozen=True, slots=True)
class Key:
    """A key with its ID and algorithm; `signing` is None for verification keys."""

    kid: str
    algorithm: str
    verifying: Any
    signing: Any = None
    jwk: Mapping[str, str] | None = None
    """The public key as a JWK; None for a shared secret."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The server's keys: the first signing key signs; all verify.

    `secret` is the root for deriving other secrets.
    """

    keys: Sequence[Key]
    secret: bytes
    issuer: str = "alm"
    audience: str = "alm"

    def sign(self, claims: Claims) -> str:
        """Return a signed token; raise InvalidToken without a signing key."""
        return sign_payload(self.keys, TYPE, msgspec.to_builtins(claims))

    def verify(self, token: str) -> Claims:
        """Return the claims of a valid token; raise InvalidToken."""
        _, claims = verify_payload(self.keys, TYPE, token, Claims, self.audience)
        if claims.iss != self.issuer:
            raise InvalidToken("invalid token (InvalidIssuerError)")
        return claims

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JWK set (RFC 7517)."""
        return {"keys": [dict(key.jwk) for key in self.keys if key.jwk is not None]}


def sign_payload(keys: Sequence[Key], type_: str, payload: Mapping[str, object]) -> str:
    """Return a token of a type, signed with the first signing key; raise InvalidToken without one."""
    key = next((key for key in keys if key.signing is not None), None)
    if key is None:
        raise InvalidToken("no signing key configured")
    claims = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(claims, key.signing, key.algorithm, headers={"typ": type_, "kid": key.kid})


def verify_payload(
    keys: Sequence[Key], type_: str, token: str, claims_type: type[C], audience: str
) -> tuple[Key, C]:
    """Return the key and the claims of a valid token of a type; raise InvalidToken."""
    key = _key_of(keys, type_, _header(token))
    try:
        payload = jwt.decode(
            token,
            key.verifying,
            algorithms=[key.algorithm],
            audience=audience,
            options={
                "require": _REQUIRED_CLAIMS,
                "strict_aud": True,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        claims = msgspec.convert(payload, claims_type)
    except jwt.ExpiredSignatureError:
        raise InvalidToken("token expired") from None
    except (jwt.PyJWTError, msgspec.ValidationError, ValueError) as error:
        raise InvalidToken(f"invalid token ({type(error).__name__})") from None
    if max(claims.iat, claims.nbf) > now_ms() // 1000 + CLOCK_LEEWAY_SECONDS:
        raise InvalidToken("token not valid yet")
    return key, claims


def _key_of(keys: Sequence[Key], type_: str, header: _Header) -> Key:
    key = next((key for key in keys if key.kid == header.kid), None)
    if key is None:
        raise InvalidToken("unknown signing key")
    if header.alg != key.algorithm or header.typ != type_:
        raise InvalidToken("unsupported token type")
    return key


def keyring(*, secret: str, private_key: str, jwks: str, path: str) -> Keyring:
    """Create the keyring of the settings; without a key, of a generated secret in the file `path`.

    `secret` may hold several, separated by spaces; `private_key` is PEM or a path; `jwks` has more verification keys:
    JSON, PEM or a path; an empty `path` allows no generated secret. Raise SettingsError.
    """
    keys, material = _from_private(private_key)
    shared = [require_strong_secret("JWT_SECRET", item.encode()) for item in secret.split()]
    others = _verifying(jwks)
    if not (keys or shared or others):
        shared = [_generated_secret(path)]
    material = material or (shared[0] if shared else secrets.token_bytes(SECRET_BYTES))
    return Keyring([*keys, *map(shared_key, shared), *others], crypto.derive_key(material, b"alm"))


def _generated_secret(path: str) -> bytes:
    if not path:
        raise SettingsError("JWT_SECRET and JWT_JWKS contain no key", _NO_KEY_HINT)
    secret = load_or_create(path, lambda: secrets.token_urlsafe(SECRET_BYTES).encode())
    return require_strong_secret(path, secret)


def _from_private(setting: str) -> tuple[list[Key], bytes]:
    if not setting:
        return [], b""
    try:
        key = crypto.private_key(read_setting("JWT_PRIVATE_KEY", setting))
    except ValueError as error:
        raise SettingsError(f"JWT_PRIVATE_KEY: {error}", _PRIVATE_HINT) from None
    return [public_key_of(key.public_key(), signing=key)], crypto.key_bytes(key)


def _verifying(setting: str) -> list[Key]:
    if not setting:
        return []
    text = read_setting("JWT_JWKS", setting)
    try:
        if text.lstrip().startswith(b"{"):
            document = msgspec.json.decode(text, type=dict[str, list[dict[str, Any]]])
            return [public_key_of(public_key_from_jwk(jwk)) for jwk in document.get("keys", [])]
        return [public_key_of(crypto.public_key(text))]
    except (ValueError, msgspec.MsgspecError) as error:
        raise SettingsError(f"JWT_JWKS: {error}", _PUBLIC_HINT) from None


def public_key_from_jwk(jwk: Mapping[str, Any]) -> crypto.PublicKey:
    """Return the public key of a JWK; raise ValueError."""
    kind = _KEY_TYPES.get(str(jwk.get("kty")))
    if kind is None or "d" in jwk:
        raise ValueError("unsupported key type (use RSA, EC or OKP)")
    try:
        return crypto.require_strong(kind.from_jwk(dict(jwk)))
    except (jwt.PyJWTError, TypeError) as error:
        raise ValueError(f"invalid key: {error}") from None


def public_key_of(key: crypto.PublicKey, *, signing: crypto.PrivateKey | None = None) -> Key:
    """Return an asymmetric key; with `signing`, its private part, it signs, too."""
    algorithm = crypto.algorithm_of(key)
    jwk = public_jwk(key)
    kid = thumbprint(jwk)
    return Key(kid, algorithm, key, signing, {**jwk, "kid": kid, "alg": algorithm, "use": "sig"})


def public_jwk(key: crypto.PublicKey) -> dict[str, str]:
    """Return a public key as a JWK with its required members only."""
    kind: Any = {"R": RSAAlgorithm, "E": ECAlgorithm}.get(crypto.algorithm_of(key)[0], OKPAlgorithm)
    if crypto.algorithm_of(key) == "EdDSA":
        kind = OKPAlgorithm
    described: dict[str, Any] = kind.to_jwk(key, as_dict=True)
    return {name: described[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in described}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the thumbprint of a key (RFC 7638)."""
    canonical = msgspec.json.encode(dict(sorted(jwk.items())))
    return urlsafe_b64encode(hashlib.sha256(canonical).digest()).decode().rstrip("=")


def shared_key(secret: bytes) -> Key:
    """Return the key of a secret that signer and verifier share."""
    kid = hmac.new(secret, b"kid", hashlib.sha256).hexdigest()[:16]
    return Key(kid, "HS256", secret, secret)


def require_strong_secret(where: str, secret: bytes) -> bytes:
    """Return a secret that is long enough and no repeated character; raise SettingsError."""
    hint = f"use at least {SECRET_BYTES} random bytes: `openssl rand -base64 48`"
    if len(secret) < SECRET_BYTES:
        raise SettingsError(f"secret in {where} is only {len(secret)} bytes", hint)
    if len(set(secret)) < _MIN_DIFFERENT_BYTES:
        raise SettingsError(f"secret in {where} has only {len(set(secret))} different bytes", hint)
    return secret


def read_setting(name: str, setting: str) -> bytes:
    """Return a setting given as text or as the path of a file."""
    if setting.lstrip().startswith(("-----BEGIN", "{")):
        return setting.encode()
    try:
        with open(os.path.expanduser(setting), "rb") as file:
            return file.read()
    except OSError as error:
        raise SettingsError(
            f"cannot read the file in {name}: {error.strerror}",
            f"set {name} to a readable file, or to the text itself",
        ) from None


def _header(token: str) -> _Header:
    segments = token.split(".")
    if len(token) > MAX_TOKEN_LENGTH or len(segments) != _SEGMENTS:
        raise InvalidToken("unknown credential")
    try:
        return msgspec.json.decode(urlsafe_b64decode(segments[0] + "=="), type=_Header)
    except (ValueError, msgspec.MsgspecError):
        raise InvalidToken("not a token issued by this server") from None
