"""Service tokens: for one service, for a short time, signed with a key of the caller."""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.context import Principal, PrincipalRef
from envmgr.server.kit.security.service_tokens import LIFETIME_SECONDS, ServiceTokens
from envmgr.server.kit.security.tokens import Claims, InvalidToken, Keyring, keyring

SECRET = "a-secret-that-is-long-enough-for-a-test"
RING = keyring(secret=SECRET, private_key="", jwks="", path="")
ADA = Principal(
    actor="user:ada", role="user", scopes=frozenset({"apps:read", "apps:write"}), credential="session:7"
)
GATEWAY, APP, AUDIT = (ServiceTokens(name, RING.keys) for name in ("gateway", "app", "audit"))


def claims(**changes):
    now = now_ms() // 1000
    return {
        "iss": "gateway",
        "aud": "app",
        "sub": "user:ada",
        "sid": "session:7",
        "scope": "",
        "jti": "1",
        "iat": now,
        "nbf": now,
        "exp": now + 20,
    } | changes


def signed(payload, *, typ="service+jwt", secret=SECRET, kid=None):
    return jwt.encode(payload, secret, "HS256", headers={"typ": typ, "kid": kid or RING.keys[0].kid})


def test_a_token_names_the_caller_and_the_principals_credential():
    caller = APP.verify(GATEWAY.sign("app", ADA))
    assert caller.service == "gateway"
    assert caller.principal == PrincipalRef(
        actor="user:ada", credential="session:7", scopes=frozenset({"apps:read", "apps:write"})
    )


def test_a_token_without_a_principal_names_the_caller_only():
    caller = APP.verify(GATEWAY.sign("app", None))
    assert (caller.service, caller.principal) == ("gateway", None)


def test_a_token_is_for_one_service():
    with pytest.raises(InvalidToken, match="InvalidAudienceError"):
        AUDIT.verify(GATEWAY.sign("app", ADA))


@pytest.mark.parametrize(
    ("create_token", "reason"),  # created by the test: they are valid for seconds
    [
        (lambda: signed(claims(exp=now_ms() // 1000 - 1)), "expired"),
        (lambda: signed(claims(exp=now_ms() // 1000 + LIFETIME_SECONDS * 10)), "lives too long"),
        (lambda: signed(claims(), typ="at+jwt"), "unsupported token type"),
        (
            lambda: signed(claims(), secret="another-secret-that-is-long-enough-for-a-test"),
            "InvalidSignature",
        ),
        (lambda: signed(claims(), kid="other"), "unknown signing key"),
        (
            lambda: signed({name: value for name, value in claims().items() if name != "exp"}),
            "MissingRequired",
        ),
        (lambda: "nonsense", "unknown credential"),
    ],
    ids=["expired", "long-lived", "access token", "other key", "unknown key", "without expiry", "nonsense"],
)
def test_a_token_that_is_not_valid_is_refused(create_token, reason):
    with pytest.raises(InvalidToken, match=reason):
        APP.verify(create_token())


def test_a_users_access_token_is_not_a_service_token():
    now = now_ms() // 1000
    token = Keyring(RING.keys, b"", issuer="alm", audience="app").sign(
        Claims(sub="user:ada", sid="7", jti="1", iss="alm", aud="app", exp=now + 20, iat=now, nbf=now)
    )
    with pytest.raises(InvalidToken, match="unsupported token type"):
        APP.verify(token)


def test_a_service_token_is_not_an_access_token():
    with pytest.raises(InvalidToken, match="unsupported token type"):
        RING.verify(GATEWAY.sign("alm", ADA))


def test_unknown_scopes_are_dropped():
    caller = APP.verify(signed(claims(scope="apps:read world:rule")))
    assert caller.principal.scopes == {"apps:read"}


def test_a_service_cannot_sign_for_another_with_its_own_key():
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = keyring(secret="", private_key=pem.decode(), jwks="", path="").keys
    verifier = ServiceTokens("app", key, owners={key[0].kid: "worker"})
    assert verifier.verify(ServiceTokens("worker", key).sign("app", None)).service == "worker"
    with pytest.raises(InvalidToken, match="key of another service"):
        verifier.verify(ServiceTokens("gateway", key).sign("app", None))


def test_a_service_without_a_signing_key_cannot_call():
    with pytest.raises(InvalidToken, match="no signing key"):
        ServiceTokens("app", []).sign("audit", None)
