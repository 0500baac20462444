from __future__ import annotations

import time

import pytest

from envmgr.server.contracts.identity_requests import Logout
from envmgr.server.gateway.auth import authenticator as module
from envmgr.server.gateway.auth.authenticator import Authenticator
from envmgr.server.kit.common.ids import uuid7
from envmgr.server.kit.common.problems import Unauthenticated
from envmgr.server.kit.security.tokens import Claims
from support.services.gateway_fixtures import RING, run


def token(**changed):
    now = int(time.time())
    payload = {"sub": "user:admin", "sid": "1", "jti": uuid7(), "iss": "alm", "aud": "alm"}
    return RING.sign(Claims(**{**payload, "iat": now, "nbf": now, "exp": now + 900, **changed}))


@pytest.mark.parametrize(
    "text", ["", "x", "a.b.c", "evm", "evr_1_x", "Bearer x", "x" * 10_000, "eyJ.eyJ.x", "\x00"]
)
def test_garbage_does_not_authenticate(tmp_path, text):
    async def scenario(gate):
        with pytest.raises(Unauthenticated) as caught:
            await gate.principal_of(text)
        assert "invalid_token" in caught.value.headers["www-authenticate"]

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "changed",
    [
        {"sid": "2"},
        {"sid": "9" * 100},
        {"sid": "x"},
        {"sid": ""},
        {"sid": "\u0661"},
        {"sub": "user:ada"},
        {"sub": "admin"},
        {"sub": "system:relay"},
        {"sid": "binding:1", "sub": "oidc:1/7"},
        {"sid": "binding:x", "sub": "oidc:x/7"},
    ],
    ids=repr,
)
def test_a_signed_token_without_a_session_does_not_authenticate(tmp_path, changed):
    async def scenario(gate):
        await gate.login()
        assert await gate.principal_of(token())
        with pytest.raises(Unauthenticated):
            await gate.principal_of(token(**changed))

    run(tmp_path, scenario)


def test_a_token_cannot_name_a_role(tmp_path):
    """The role comes from the database, not from the token."""

    async def scenario(gate):
        await gate.new_user("ada", "viewer")
        await gate.login("ada")
        principal = await gate.principal_of(token(sub="user:ada", sid="2", scope="users:admin"))
        assert principal.role == "viewer"
        assert "users:admin" not in principal.scopes

    run(tmp_path, scenario)


def test_a_checked_credential_is_cached_briefly_and_not_beyond_its_expiry(tmp_path):
    async def scenario(gate):
        await gate.login()
        now = int(time.time())
        text = token(exp=now + 3)
        clock = Clock(now)
        own_authenticator = Authenticator(Counting(gate.database), RING, clock)
        assert [await own_authenticator.authenticate(text) for _ in range(5)]
        assert own_authenticator._database.lookups == 1
        clock.now = now + 2.9
        await own_authenticator.authenticate(text)
        assert own_authenticator._database.lookups == 1
        clock.now = now + 3
        assert own_authenticator._cache.get(text, clock.now) is None

    run(tmp_path, scenario)


@pytest.mark.parametrize("step", [module.CACHE_TTL_SECONDS, -3600], ids=["later", "clock set back"])
def test_a_change_by_another_process_takes_effect_within_seconds(tmp_path, step):
    async def scenario(gate):
        tokens = await gate.login()
        clock = Clock(time.time())
        other = Authenticator(gate.database, RING, clock)
        await other.authenticate(tokens.access_token)
        await gate.sessions.logout(await gate.call(tokens.access_token), Logout())
        clock.now += step
        with pytest.raises(Unauthenticated):
            await other.authenticate(tokens.access_token)

    run(tmp_path, scenario)


def test_a_credential_read_before_a_change_is_not_cached(tmp_path):
    async def scenario(gate):
        tokens = await gate.login()
        own_authenticator = Authenticator(gate.database, RING)

        class Slow:
            async def read_inline(self, work):
                result = await gate.database.read_inline(work)
                await own_authenticator.write_and_invalidate(lambda _: None)
                return result

            def write(self, work):
                return gate.database.write(work)

        own_authenticator._database = Slow()
        await own_authenticator.authenticate(tokens.access_token)
        assert own_authenticator._cache.get(tokens.access_token, time.time()) is None

    run(tmp_path, scenario)


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "CACHE_GENERATION_SIZE", 10)
    memory = module.CredentialCache()
    for n in range(100):
        memory.put(str(n), object(), module.CACHE_TTL_SECONDS)
    cached_keys = [n for n in range(100) if memory.get(str(n), 0)]
    assert cached_keys[-1] == 99
    assert 10 <= len(cached_keys) <= 20


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


class Counting:
    def __init__(self, database):
        self._database = database
        self.lookups = 0

    def read_inline(self, work):
        self.lookups += 1
        return self._database.read_inline(work)
