from __future__ import annotations

import asyncio
import sqlite3

import pytest
from msgspec.structs import replace

from envmgr.server.contracts.identity_requests import KeyCreate, UserPatch
from envmgr.server.kit.common.context import SCOPES_BY_ROLE, Idempotency
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import (
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    InvalidFields,
    NotFound,
    Unauthenticated,
)
from support.services.database_runners import reads_sqlite_file
from support.services.gateway_fixtures import run


def test_a_key_has_exactly_its_scopes(tmp_path):
    async def scenario(gate):
        key = await gate.key(await gate.admin(), ("versions:write", "apps:read"), apps=("shop", "blog"))
        principal = await gate.principal_of(key.key)
        assert (principal.actor, principal.role, principal.user_id) == ("key:1", "ci", 1)
        assert principal.scopes == {"versions:write", "apps:read"}
        assert principal.apps == {1, 2}
        assert key.key.startswith("evm_1_")
        assert len(key.key) > 45

    run(tmp_path, scenario)


def test_a_key_is_returned_once(tmp_path):
    async def scenario(gate):
        call = await gate.admin()
        key = await gate.key(call)
        (entry,) = (await gate.keys.list(call, PageRequest())).items
        assert not entry.key
        (event,) = await gate.emitted_events("ApiKeyCreated")
        assert key.key not in str(event)
        assert event.subject == "key/1"

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1],
        lambda key: key + "x",
        lambda key: key.replace("evm_1_", "evm_2_"),
        lambda key: key.replace("evm_1_", "evm_01_"),
        lambda key: key.replace("evm_1_", "evm_\u0661_"),
        lambda key: key.upper(),
        lambda _: "evm_1_",
        lambda _: "evm_1",
        lambda _: "evm__",
        lambda _: "evm_" + "9" * 400 + "_x",
    ],
)
def test_a_malformed_key_is_rejected(tmp_path, change):
    async def scenario(gate):
        key = (await gate.key(await gate.admin())).key
        with pytest.raises(Unauthenticated):
            await gate.principal_of(change(key))
        assert await gate.principal_of(key)

    run(tmp_path, scenario)


def test_the_secret_of_a_key_is_not_valid_for_another(tmp_path):
    async def scenario(gate):
        call = await gate.admin()
        weak, strong = await gate.key(call), await gate.key(call, ("users:admin",))
        with pytest.raises(Unauthenticated):
            await gate.principal_of(f"evm_{strong.id}_{weak.key.split('_', 2)[2]}")

    run(tmp_path, scenario)


def test_a_revoked_key_is_rejected_at_once(tmp_path):
    async def scenario(gate):
        call = await gate.admin()
        key = await gate.key(call)
        assert await gate.principal_of(key.key)
        await gate.keys.revoke(call, key.id)
        with pytest.raises(Unauthenticated):
            await gate.principal_of(key.key)
        assert (await gate.keys.list(call, PageRequest())).items == []
        with pytest.raises(NotFound):
            await gate.keys.revoke(call, key.id)
        assert len(await gate.emitted_events("ApiKeyRevoked")) == 1

    run(tmp_path, scenario)


def test_a_key_expires(tmp_path):
    async def scenario(gate):
        key = await gate.key(await gate.admin(), expires_in=3600)
        authenticator = gate.gateway.authenticator
        assert await gate.principal_of(key.key)
        now = authenticator._clock()
        authenticator._clock = lambda: now + 3601
        with pytest.raises(Unauthenticated):
            await gate.principal_of(key.key)

    run(tmp_path, scenario)


@pytest.mark.parametrize("role", ["user", "viewer"])
def test_a_key_cannot_exceed_the_scopes_of_its_creator(tmp_path, role):
    async def scenario(gate):
        await gate.new_user("ada", role)
        call = await gate.call((await gate.login("ada")).access_token)
        for scope in SCOPES_BY_ROLE["admin"] - SCOPES_BY_ROLE[role]:
            with pytest.raises(Forbidden):
                await gate.key(call, (scope, "apps:read"))
        assert await gate.key(call, tuple(SCOPES_BY_ROLE[role]))
        assert len(await gate.emitted_events("ApiKeyCreated")) == 1

    run(tmp_path, scenario)


def test_a_key_cannot_create_keys(tmp_path):
    async def scenario(gate):
        call = await gate.call((await gate.key(await gate.admin(), tuple(SCOPES_BY_ROLE["admin"]))).key)
        with pytest.raises(Forbidden):
            await gate.key(call)

    run(tmp_path, scenario)


def test_a_key_loses_the_scopes_that_its_owner_loses(tmp_path):
    async def scenario(gate):
        await gate.new_user("ada", "admin")
        key = await gate.key(
            await gate.call((await gate.login("ada")).access_token), ("users:admin", "apps:read")
        )
        admin = await gate.admin()
        await gate.users.update(admin, "ada", UserPatch(role="viewer"))
        assert (await gate.principal_of(key.key)).scopes == {"apps:read"}
        await gate.users.update(admin, "ada", UserPatch(active=False))
        with pytest.raises(Unauthenticated):
            await gate.principal_of(key.key)
        await gate.users.update(admin, "ada", UserPatch(active=True))
        assert await gate.principal_of(key.key)
        await gate.users.delete(admin, "ada")
        with pytest.raises(Unauthenticated):
            await gate.principal_of(key.key)

    run(tmp_path, scenario)


def test_users_list_and_revoke_their_own_keys_and_admins_all(tmp_path):
    async def scenario(gate):
        await gate.new_user("ada")
        admin, ada = await gate.admin(), await gate.call((await gate.login("ada")).access_token)
        other_key, own_key = await gate.key(admin), await gate.key(ada)
        assert [key.id for key in (await gate.keys.list(ada, PageRequest())).items] == [own_key.id]
        assert {key.id for key in (await gate.keys.list(admin, PageRequest())).items} == {
            other_key.id,
            own_key.id,
        }
        assert (await gate.keys.list(ada, PageRequest(filters={"user_id": 1}))).items[0].id == own_key.id
        with pytest.raises(NotFound):
            await gate.keys.revoke(ada, other_key.id)
        await gate.keys.revoke(admin, own_key.id)

    run(tmp_path, scenario)


def test_a_key_without_the_users_scope_cannot_list_keys(tmp_path):
    async def scenario(gate):
        admin = await gate.admin()
        plain = await gate.call((await gate.key(admin)).key)
        narrow = await gate.call((await gate.key(admin, ("users:admin",), app="shop")).key)
        for call in (plain, narrow):
            with pytest.raises(Forbidden):
                await gate.keys.list(call, PageRequest())
            with pytest.raises(Forbidden):
                await gate.keys.revoke(call, 1)

    run(tmp_path, scenario)


def test_app_and_apps_are_equivalent(tmp_path):
    async def scenario(gate):
        call = await gate.admin()
        assert (await gate.key(call, app="shop")).apps == ("shop",)
        with pytest.raises(InvalidFields):
            await gate.key(call, app="shop", apps=("blog",))

    run(tmp_path, scenario)


@reads_sqlite_file
def test_only_the_same_idempotency_key_returns_the_secret_again(tmp_path):
    async def scenario(gate):
        call = await gate.admin(key="my retry")
        new = KeyCreate(name="ci", scopes=("apps:read",))
        first, again = await gate.keys.create(call, new), await gate.keys.create(call, new)
        assert again.replayed
        assert again.value == first.value
        assert await gate.principal_of(again.value.key)
        other = (await gate.keys.create(await gate.admin(key="another"), new)).value
        assert other.key != first.value.key
        changed = replace(call, idempotency=Idempotency("my retry", "another fingerprint"))
        with pytest.raises(IdempotencyKeyReused):
            await gate.keys.create(changed, new)
        return first.value.key

    secret = run(tmp_path, scenario).split("_", 2)[2]
    connection = sqlite3.connect(tmp_path / "gateway.db")
    rows = connection.execute("SELECT actor, key, fingerprint, response FROM idempotency").fetchall()
    connection.close()
    assert len(rows) == 2
    for row in rows:
        assert not any(word in "|".join(row) for word in ("my retry", "fingerprint", secret, "evm_"))


def test_a_response_encrypted_under_another_secret_is_not_replayed():
    from envmgr.server.gateway.auth.response_encryption import ResponseEncryption

    old, new = ResponseEncryption(b"a" * 32), ResponseEncryption(b"b" * 32)
    encoded = old.encode("key", "answer")
    assert old.decode("key", encoded) == "answer"
    for codec, key in ((new, "key"), (old, "other")):
        with pytest.raises(Conflict):
            codec.decode(key, encoded)
    assert old.encode("key", "answer") != encoded


def test_last_use_of_a_key_is_written_later_and_at_shutdown(tmp_path):
    async def scenario(gate):
        call = await gate.admin()
        key = await gate.key(call)
        await gate.principal_of(key.key)
        assert (await gate.keys.list(call, PageRequest())).items[0].last_used_at is None
        await gate.gateway.authenticator.flush_last_used()
        assert (await gate.keys.list(call, PageRequest())).items[0].last_used_at
        await gate.gateway.authenticator.flush_last_used()

    run(tmp_path, scenario)


def test_a_cancelled_revocation_request_takes_effect(tmp_path):
    async def scenario(gate):
        call = await gate.admin()
        key = await gate.key(call)
        await gate.principal_of(key.key)
        revoking = asyncio.ensure_future(gate.keys.revoke(call, key.id))
        await asyncio.sleep(0)
        revoking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await revoking
        await gate.database.write(lambda _: None)
        assert len(await gate.emitted_events("ApiKeyRevoked")) == 1
        with pytest.raises(Unauthenticated):
            await gate.principal_of(key.key)

    run(tmp_path, scenario)
