"""Service tokens: for one service, for a short time, signed with a key of the caller."""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import structs

from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.context import Principal, PrincipalRef
from envmgr.server.kit.security import service_tokens
from envmgr.server.kit.security.service_tokens import LIFETIME_SECONDS, REUSE_SECONDS, ServiceTokens
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


@pytest.fixture
def clock(monkeypatch):
    """Seconds to add to the present time."""
    offset = [0]
    start = now_ms()
    monkeypatch.setattr(service_tokens, "now_ms", lambda: start + offset[0] * 1000)
    return offset


def test_calls_of_some_seconds_share_a_token_for_each_service_and_principal(clock):
    tokens = ServiceTokens("gateway", RING.keys)
    first = tokens.sign("app", ADA)
    clock[0] = REUSE_SECONDS - 1
    assert tokens.sign("app", ADA) == first
    assert tokens.sign("audit", ADA) != first
    assert tokens.sign("app", None) != first
    reduced = structs.replace(ADA, scopes=frozenset({"apps:read"}))
    assert APP.verify(tokens.sign("app", reduced)).principal.scopes == {"apps:read"}


@pytest.mark.parametrize("seconds", [REUSE_SECONDS, -60], ids=["later", "clock set back"])
def test_a_token_is_replaced_long_before_it_expires(clock, seconds):
    tokens = ServiceTokens("gateway", RING.keys)
    first = tokens.sign("app", ADA)
    clock[0] = seconds
    assert tokens.sign("app", ADA) != first


def test_a_token_that_was_verified_before_is_verified_again_once_expired(clock):
    verifier = ServiceTokens("app", RING.keys)
    token = signed(claims(exp=now_ms() // 1000 + 20))
    verifier.verify(token)
    verifier._keys = ()  # whatever is not cached is refused
    clock[0] = 15
    assert verifier.verify(token).service == "gateway"
    clock[0] = 25
    with pytest.raises(InvalidToken, match="unknown signing key"):
        verifier.verify(token)


def test_the_number_of_cached_tokens_is_bounded(monkeypatch):
    monkeypatch.setattr(service_tokens, "MAX_CACHED_TOKENS", 3)
    signer, verifier = ServiceTokens("gateway", RING.keys), ServiceTokens("app", RING.keys)
    for number in range(10):
        token = signer.sign("app", structs.replace(ADA, credential=f"session:{number}"))
        assert verifier.verify(token).principal.credential == f"session:{number}"
    assert len(signer._signed) <= 3
    assert len(verifier._verified) <= 3


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
