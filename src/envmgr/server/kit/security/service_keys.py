"""Keys of service tokens: derived from a secret that all services share, or a key pair for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from envmgr.server.kit.config.bus_settings import SettingsError
from envmgr.server.kit.security import crypto
from envmgr.server.kit.security.service_tokens import ServiceTokens
from envmgr.server.kit.security.tokens import (
    SECRET_BYTES,
    public_key_from_jwk,
    public_key_of,
    read_setting,
    require_strong_secret,
    shared_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.server.kit.security.tokens import Key

_PURPOSE = b"alm service tokens"
_JWKS_HINT = (
    'expected {"keys": [...]} with a public key for each service, whose "kid" is the name of the service'
)


def service_tokens(service: str, *, secret: str, private_key: str, jwks: str) -> ServiceTokens:
    """Return the signer and verifier of a service's tokens; raise SettingsError.

    `private_key` (PEM or path) signs, and `jwks` (JSON or path) verifies, where both are set. Else keys are derived
    from `secret`, which may hold several, separated by spaces: the first signs.
    """
    if private_key or jwks:
        return _of_key_pairs(service, private_key, jwks)
    secrets = [require_strong_secret("JWT_SECRET", item.encode()) for item in secret.split()]
    if not secrets:
        raise SettingsError(
            "calls between services have no key: neither JWT_SECRET nor ALM_SERVICE_KEY is set",
            f"set JWT_SECRET to {SECRET_BYTES} or more random bytes in every service: `openssl rand -base64 48`",
        )
    return ServiceTokens(service, [shared_key(crypto.derive_key(item, _PURPOSE)) for item in secrets])


def _of_key_pairs(service: str, private_key: str, jwks: str) -> ServiceTokens:
    if not (private_key and jwks):
        missing = "ALM_SERVICE_JWKS" if private_key else "ALM_SERVICE_KEY"
        raise SettingsError(
            f"{missing} is not set: key pairs of services require the own key and the keys of all",
            f"set {missing}, or unset the other one",
        )
    signing_key, owned = _own_key(private_key), list(_keys_by_service(jwks))
    if signing_key.kid not in {key.kid for name, key in owned if name == service}:
        raise SettingsError(
            f"ALM_SERVICE_JWKS has no public key of {service} that belongs to ALM_SERVICE_KEY", _JWKS_HINT
        )
    others = [key for _, key in owned if key.kid != signing_key.kid]
    return ServiceTokens(service, [signing_key, *others], {key.kid: name for name, key in owned})


def _own_key(setting: str) -> Key:
    try:
        key = crypto.private_key(read_setting("ALM_SERVICE_KEY", setting))
    except ValueError as error:
        raise SettingsError(
            f"ALM_SERVICE_KEY: {error}", "generate a key with `openssl genpkey -algorithm ed25519`"
        ) from None
    return public_key_of(key.public_key(), signing=key)


def _keys_by_service(setting: str) -> Iterator[tuple[str, Key]]:
    try:
        document = msgspec.json.decode(
            read_setting("ALM_SERVICE_JWKS", setting), type=dict[str, list[dict[str, Any]]]
        )
        for jwk in document["keys"]:
            yield str(jwk["kid"]), public_key_of(public_key_from_jwk(jwk))
    except KeyError as error:
        raise SettingsError(f"ALM_SERVICE_JWKS: {error} is missing", _JWKS_HINT) from None
    except (ValueError, msgspec.MsgspecError) as error:
        raise SettingsError(f"ALM_SERVICE_JWKS: {error}", _JWKS_HINT) from None
