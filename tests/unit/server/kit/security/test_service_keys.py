"""Keys of service tokens: a shared secret, or a key pair for each service."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from envmgr.server.kit.config.bus_settings import SettingsError
from envmgr.server.kit.security.service_keys import service_tokens
from envmgr.server.kit.security.tokens import InvalidToken, keyring, public_jwk

SECRET, OTHER_SECRET = "a-secret-of-more-than-32-bytes-for-tests", "another-secret-of-more-than-32-bytes-x"


def tokens(service, secret=SECRET, private_key="", jwks=""):
    return service_tokens(service, secret=secret, private_key=private_key, jwks=jwks)


def key_pair():
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem, public_jwk(key.public_key())


def key_set(**jwks):
    return msgspec.json.encode({"keys": [{**jwk, "kid": service} for service, jwk in jwks.items()]}).decode()


def test_services_with_one_secret_accept_each_other():
    token = tokens("app").sign("version", None)
    assert tokens("version").verify(token).service == "app"
    with pytest.raises(InvalidToken):
        tokens("audit").verify(token)  # for another service
    with pytest.raises(InvalidToken):
        tokens("version", OTHER_SECRET).verify(token)


def test_a_new_secret_is_accepted_beside_the_old_one():
    token = tokens("app").sign("version", None)
    assert tokens("version", f"{OTHER_SECRET} {SECRET}").verify(token).service == "app"


def test_the_key_is_not_that_of_access_tokens():
    """Who learns the key of service tokens cannot sign access tokens with it, nor the other way round."""
    access = keyring(secret=SECRET, private_key="", jwks="", path="")
    assert not {key.kid for key in access.keys} & {key.kid for key in tokens("app")._keys}
    with pytest.raises(InvalidToken):
        access.verify(tokens("app").sign("alm", None))


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("", "neither JWT_SECRET nor ALM_SERVICE_KEY"),
        ("short", "only 5 bytes"),
        ("secret" * 8, "only 5 different bytes"),
    ],
)
def test_a_missing_or_weak_secret_is_refused(secret, message):
    with pytest.raises(SettingsError, match=message) as caught:
        tokens("app", secret)
    assert "openssl rand" in caught.value.hint


def test_a_service_with_a_key_pair_signs_for_itself_only():
    (app_key, app_jwk), (audit_key, audit_jwk) = key_pair(), key_pair()
    jwks = key_set(app=app_jwk, audit=audit_jwk)
    app, audit = tokens("app", "", app_key, jwks), tokens("audit", "", audit_key, jwks)
    assert audit.verify(app.sign("audit", None)).service == "app"
    impostor = tokens("app", "", app_key, jwks)
    impostor.service = "gateway"
    with pytest.raises(InvalidToken, match="key of another service"):
        audit.verify(impostor.sign("audit", None))


def test_settings_of_key_pairs_that_do_not_fit_are_refused():
    (key, jwk), (other_key, _) = key_pair(), key_pair()
    for arguments, message in (
        ((key, ""), "ALM_SERVICE_JWKS is not set"),
        (("", key_set(app=jwk)), "ALM_SERVICE_KEY is not set"),
        ((other_key, key_set(app=jwk)), "no public key of app"),
        ((key, key_set(audit=jwk)), "no public key of app"),
        (("-----BEGIN nonsense", key_set(app=jwk)), "ALM_SERVICE_KEY: not an unencrypted PEM"),
        ((key, '{"keys": [{"kty": "OKP"}]}'), "'kid' is missing"),
        ((key, "{}"), "'keys' is missing"),
        ((key, '{"keys": [{"kid": "app", "kty": "oct"}]}'), "unsupported key type"),
        ((key, '{"keys": 1}'), "ALM_SERVICE_JWKS: "),
    ):
        with pytest.raises(SettingsError, match=message):
            tokens("app", SECRET, *arguments)
