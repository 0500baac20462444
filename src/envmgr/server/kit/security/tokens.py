"""Access tokens: JWTs (RFC 7519) as RFC 9068 profiles them, signed by this server and taken by it alone.

A key is used with one algorithm, its own, whatever a token's header says; headers that name keys elsewhere
(`jku`, `x5u`, `jwk`) or anything else that is not expected are refused.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
import msgspec
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.security import crypto
from envmgr.server.kit.security.secret_file import load_or_create

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TYPE = "at+jwt"
SECRET_BYTES = 32
MAX_TOKEN_LENGTH = 4096
_CLAIMS = ["exp", "iat", "nbf", "iss", "aud", "sub", "sid", "jti"]
_SEGMENTS = 3
_KEY_TYPES: dict[str, Any] = {"RSA": RSAAlgorithm, "OKP": OKPAlgorithm, "EC": ECAlgorithm}

_PRIVATE_HINT = "`openssl genpkey -algorithm ed25519` makes a key that is taken"
_PUBLIC_HINT = "it must be a JWK set, a public key in PEM, or the path of a file that holds one of them"


class InvalidToken(Exception):
    """The token is not one to trust; the message says why, without any of it."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: str
    typ: str


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token of ours says."""

    sub: str
    sid: str
    jti: str
    iss: str
    aud: str
    exp: int
    iat: int
    nbf: int
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A key with its name and its algorithm; `signing` is None where it only verifies."""

    kid: str
    algorithm: str
    verifying: Any
    signing: Any = None
    jwk: Mapping[str, str] | None = None
    """The public half, for others; None where there is none."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of a server: the first that can, signs; all of them verify.

    `secret` is what other secrets of this server are derived from.
    """

    keys: Sequence[Key]
    secret: bytes
    issuer: str = "alm"
    audience: str = "alm"

    def sign(self, claims: Claims) -> str:
        """Make a token. Raise InvalidToken where no key here can."""
        key = next((key for key in self.keys if key.signing is not None), None)
        if key is None:
            raise InvalidToken("this server has no key to sign with")
        said = {name: value for name, value in msgspec.to_builtins(claims).items() if value is not None}
        return jwt.encode(said, key.signing, key.algorithm, headers={"typ": TYPE, "kid": key.kid})

    def verify(self, token: str) -> Claims:
        """Return what a token of ours says. Raise InvalidToken."""
        key = self._key(_header(token))
        try:
            said = jwt.decode(
                token,
                key.verifying,
                algorithms=[key.algorithm],
                audience=self.audience,
                issuer=self.issuer,
                options={"require": _CLAIMS, "strict_aud": True},
            )
            return msgspec.convert(said, Claims)
        except jwt.ExpiredSignatureError:
            raise InvalidToken("the token has expired") from None
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError) as error:
            raise InvalidToken(f"the token is not valid ({type(error).__name__})") from None

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys, for others to verify with (RFC 7517)."""
        return {"keys": [dict(key.jwk) for key in self.keys if key.jwk is not None]}

    def _key(self, header: _Header) -> Key:
        key = next((key for key in self.keys if key.kid == header.kid), None)
        if key is None:
            raise InvalidToken("the token is signed with a key that is not known here")
        if header.alg != key.algorithm or header.typ != TYPE:
            raise InvalidToken("the token is not of the kind that is taken here")
        return key


def keyring(*, secret: str, private_key: str, jwks: str, path: str) -> Keyring:
    """Make the keyring of what the settings give; of none, with a secret kept in the file `path`.

    `secret` may hold several, separated by blanks; `private_key` is PEM or the path of a file that holds it; `jwks`
    holds further keys to verify with: JSON or PEM, or the path of a file. Raise SettingsError.
    """
    keys, material = _from_private(private_key)
    shared = [_require_secret_length("JWT_SECRET", each.encode()) for each in secret.split()]
    others = _verifying(jwks)
    if not (keys or shared or others):
        shared = [
            _require_secret_length(
                path, load_or_create(path, lambda: secrets.token_urlsafe(SECRET_BYTES).encode())
            )
        ]
    material = material or (shared[0] if shared else secrets.token_bytes(SECRET_BYTES))
    return Keyring([*keys, *map(_shared_key, shared), *others], crypto.derive_key(material, b"alm"))


def _from_private(setting: str) -> tuple[list[Key], bytes]:
    if not setting:
        return [], b""
    try:
        key = crypto.private_key(_read_setting("JWT_PRIVATE_KEY", setting))
    except ValueError as error:
        raise SettingsError(f"JWT_PRIVATE_KEY: {error}", _PRIVATE_HINT) from None
    return [_public_key(key.public_key(), signing=key)], crypto.key_bytes(key)


def _verifying(setting: str) -> list[Key]:
    if not setting:
        return []
    text = _read_setting("JWT_JWKS", setting)
    try:
        if text.lstrip().startswith(b"{"):
            document = msgspec.json.decode(text, type=dict[str, list[dict[str, Any]]])
            return [_public_key(public_key_from_jwk(jwk)) for jwk in document.get("keys", [])]
        return [_public_key(crypto.public_key(text))]
    except (ValueError, msgspec.MsgspecError) as error:
        raise SettingsError(f"JWT_JWKS: {error}", _PUBLIC_HINT) from None


def public_key_from_jwk(jwk: Mapping[str, Any]) -> crypto.PublicKey:
    """Read the public key that a JWK describes. Raise ValueError."""
    kind = _KEY_TYPES.get(str(jwk.get("kty")))
    if kind is None or "d" in jwk:
        raise ValueError("it is no public key of a kind that is taken (RSA, EC, OKP)")
    try:
        return crypto.require_strong(kind.from_jwk(dict(jwk)))
    except (jwt.PyJWTError, TypeError) as error:
        raise ValueError(f"it is no key: {error}") from None


def _public_key(key: crypto.PublicKey, *, signing: crypto.PrivateKey | None = None) -> Key:
    algorithm = crypto.algorithm_of(key)
    jwk = public_jwk(key)
    kid = thumbprint(jwk)
    return Key(kid, algorithm, key, signing, {**jwk, "kid": kid, "alg": algorithm, "use": "sig"})


def public_jwk(key: crypto.PublicKey) -> dict[str, str]:
    """Describe a public key as a JWK, with the members that make it, and no others."""
    kind: Any = {"R": RSAAlgorithm, "E": ECAlgorithm}.get(crypto.algorithm_of(key)[0], OKPAlgorithm)
    if crypto.algorithm_of(key) == "EdDSA":
        kind = OKPAlgorithm
    described: dict[str, Any] = kind.to_jwk(key, as_dict=True)
    return {name: described[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in described}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Name a key by its contents (RFC 7638)."""
    canonical = msgspec.json.encode(dict(sorted(jwk.items())))
    return urlsafe_b64encode(hashlib.sha256(canonical).digest()).decode().rstrip("=")


def _shared_key(secret: bytes) -> Key:
    kid = hmac.new(secret, b"kid", hashlib.sha256).hexdigest()[:16]
    return Key(kid, "HS256", secret, secret)


def _require_secret_length(where: str, secret: bytes) -> bytes:
    if len(secret) < SECRET_BYTES:
        raise SettingsError(
            f"{where} holds a secret of {len(secret)} bytes",
            f"take {SECRET_BYTES} or more, at random: `openssl rand -base64 48` makes some",
        )
    return secret


def _read_setting(name: str, setting: str) -> bytes:
    """Return a setting that is either a text or the path of a file that holds it."""
    if setting.lstrip().startswith(("-----BEGIN", "{")):
        return setting.encode()
    try:
        with open(os.path.expanduser(setting), "rb") as file:
            return file.read()
    except OSError as error:
        raise SettingsError(
            f"{name} names a file that cannot be read: {error.strerror}",
            f"set {name} to the path of one that can, or to the text itself",
        ) from None


def _header(token: str) -> _Header:
    segments = token.split(".")
    if len(token) > MAX_TOKEN_LENGTH or len(segments) != _SEGMENTS:
        raise InvalidToken("it is neither a token nor a key of this server")
    try:
        return msgspec.json.decode(urlsafe_b64decode(segments[0] + "=="), type=_Header)
    except (ValueError, msgspec.MsgspecError):
        raise InvalidToken("the token's header is not that of a token of this server") from None
