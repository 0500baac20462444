"""Authentication through the gateway: refusals without it, and while it is away."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from envmgr.server.bootstrap.peers import Peers, read_tls
from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.problems import ServiceUnavailable, Unauthenticated
from envmgr.server.kit.config.service_settings import TlsFiles
from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.security.service_keys import service_tokens
from envmgr.server.kit.security.tokens import Claims, keyring

SECRET = "a-secret-of-more-than-32-bytes-for-tests"
KEYS = keyring(secret=SECRET, private_key="", jwks="", path="")
TOKENS = service_tokens("app", secret=SECRET, private_key="", jwks="")


def access_token(keys=KEYS, *, lifetime=1000, **fields):
    """Return a token; created when a test runs, which may be long after it was collected."""
    now = now_ms() // 1000
    claims = Claims(
        sub="user:ada", jti="1", iss="alm", aud="alm", sid="1", iat=now, nbf=now, exp=now + lifetime
    )
    return keys.sign(replace(claims, **fields))


def authenticate(token):
    """Authenticate a token while the gateway is away."""

    async def scenario():
        peers = Peers({"gateway": "127.0.0.1:1"}, TOKENS, KEYS)
        try:
            await peers.principals.authenticate(token)
        finally:
            await peers.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "create_token",
    [
        lambda: "a.b.c",
        lambda: access_token(lifetime=-1),
        lambda: access_token(iss="other"),
        lambda: access_token(keyring(secret=f"{SECRET}-other", private_key="", jwks="", path="")),
        lambda: TOKENS.sign("alm", None),
    ],
    ids=["malformed", "expired", "another issuer", "another key", "a service token"],
)
def test_an_access_token_that_is_invalid_is_refused_without_the_gateway(create_token):
    with pytest.raises(Unauthenticated):
        authenticate(create_token())


@pytest.mark.parametrize("create_token", [access_token, lambda: "evm_1_secret", lambda: "nonsense"])
def test_what_a_credential_allows_is_unknown_while_the_gateway_is_away(create_token):
    token = create_token()
    with pytest.raises(ServiceUnavailable, match="service gateway is unreachable") as caught:
        authenticate(token)
    assert token not in caught.value.detail
    assert int(caught.value.headers["retry-after"]) >= 1


def test_tls_files_that_cannot_be_read_are_refused(tmp_path):
    assert read_tls(None) is None
    with pytest.raises(SettingsError, match="GRPC_TLS_CERT, GRPC_TLS_KEY or GRPC_TLS_CA: No such file"):
        read_tls(TlsFiles(*[str(tmp_path / "absent.pem")] * 3))
