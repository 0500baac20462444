"""API keys stay valid when the password of their owner changes, unless their revocation is requested."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET

from envmgr.server.contracts.identity_requests import PasswordChange, UserPatch
from envmgr.server.contracts.identity_resources import KeyCounts
from envmgr.server.kit.common.problems import Forbidden, Unauthenticated
from support.services.gateway_fixtures import HERE, PASSWORD, run

NEW = "another password of mine"


async def _change_own(gate, *, revoke_keys):
    eve = await gate.call((await gate.login("eve")).access_token)
    change = PasswordChange(current=PASSWORD, new=NEW, revoke_keys=revoke_keys)
    return await gate.sessions.change_password(eve, HERE, change)


async def _reset_by_admin(gate, *, revoke_keys):
    change = UserPatch(password=NEW, revoke_keys=revoke_keys)
    user = await gate.users.update(await gate.admin(), "eve", change)
    return KeyCounts(active_keys=user.active_keys, revoked_keys=user.revoked_keys)


async def _reset_on_host(gate, *, revoke_keys):
    return await gate.users.set_password("eve", NEW, revoke_keys=revoke_keys)


WAYS = [_change_own, _reset_by_admin, _reset_on_host]


async def keys_of_eve(gate):
    """Return two valid keys of eve, beside a revoked one of hers and one of the admin."""
    admin = await gate.admin()
    await gate.new_user("eve")
    eve = await gate.call((await gate.login("eve")).access_token)
    keys = [(await gate.key(eve)).key for _ in range(3)]
    await gate.keys.revoke(eve, int(keys.pop().split("_")[1]))
    return keys, (await gate.key(admin)).key


def test_a_change_without_a_password_counts_no_keys(tmp_path):
    async def scenario(gate):
        await keys_of_eve(gate)
        user = await gate.users.update(await gate.admin(), "eve", UserPatch(role="viewer"))
        assert (user.active_keys, user.revoked_keys) == (UNSET, UNSET)
        assert b"_keys" not in msgspec.json.encode(user)
        revoked = await gate.users.update(await gate.admin(), "eve", UserPatch(revoke_keys=True))
        assert (revoked.active_keys, revoked.revoked_keys) == (0, 2)

    run(tmp_path, scenario)


@pytest.mark.parametrize("way", WAYS)
def test_a_new_password_leaves_keys_valid_and_counts_them(tmp_path, way):
    async def scenario(gate):
        keys, _ = await keys_of_eve(gate)
        assert await way(gate, revoke_keys=False) == KeyCounts(active_keys=2, revoked_keys=0)
        for key in keys:
            assert await gate.principal_of(key)
        assert len(await gate.emitted_events("ApiKeyRevoked")) == 1

    run(tmp_path, scenario)


@pytest.mark.parametrize("way", WAYS)
def test_keys_of_the_user_are_revoked_on_request_each_with_its_event(tmp_path, way):
    async def scenario(gate):
        keys, other = await keys_of_eve(gate)
        for key in (*keys, other):
            assert await gate.principal_of(key)
        assert await way(gate, revoke_keys=True) == KeyCounts(active_keys=0, revoked_keys=2)
        for key in keys:
            with pytest.raises(Unauthenticated):
                await gate.principal_of(key)
        assert await gate.principal_of(other)
        events = await gate.emitted_events("ApiKeyRevoked")
        assert [event.data["key_id"] for event in events[1:]] == [int(key.split("_")[1]) for key in keys]
        assert await gate.login("eve", NEW)

    run(tmp_path, scenario)


def test_keys_are_revoked_without_another_change_of_the_user(tmp_path):
    async def scenario(gate):
        keys, _ = await keys_of_eve(gate)
        await gate.users.update(await gate.admin(), "eve", UserPatch(revoke_keys=True))
        for key in keys:
            with pytest.raises(Unauthenticated):
                await gate.principal_of(key)

    run(tmp_path, scenario)


def test_a_refused_change_revokes_nothing(tmp_path):
    async def scenario(gate):
        keys, _ = await keys_of_eve(gate)
        eve = await gate.call((await gate.login("eve")).access_token)
        wrong = PasswordChange(current="a guess that is wrong", new=NEW, revoke_keys=True)
        with pytest.raises(Unauthenticated):
            await gate.sessions.change_password(eve, HERE, wrong)
        key = await gate.call(keys[0])
        with pytest.raises(Forbidden):
            await gate.sessions.change_password(
                key, HERE, PasswordChange(current=PASSWORD, new=NEW, revoke_keys=True)
            )
        for token in keys:
            assert await gate.principal_of(token)

    run(tmp_path, scenario)
