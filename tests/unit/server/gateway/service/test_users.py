from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from envmgr.server.contracts.identity_requests import UserCreate, UserPatch
from envmgr.server.contracts.problems import InvalidCredentials, LastAdmin
from envmgr.server.gateway import module
from envmgr.server.kit.common.context import SCOPES_BY_ROLE, Idempotency
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import (
    AlreadyExists,
    Forbidden,
    IdempotencyKeyReused,
    InvalidFields,
    NotFound,
    PreconditionFailed,
    Unauthenticated,
)
from support.services.database_runners import reads_sqlite_file
from support.services.gateway_fixtures import PASSWORD, RING, run
from support.services.service_fixtures import emitted_events, opened
from support.services.version_fixtures import FewApps


def first_start(directory, *passwords):
    async def main():
        async with opened(directory, module) as database:
            gateway = module.make(database, RING, FewApps())
            matches = [await gateway.create_initial_admin(password) for password in passwords]
            events = await emitted_events(database, "gateway")
            await gateway.close()
            return matches, events

    return asyncio.run(main())


@reads_sqlite_file
def test_the_password_of_the_first_admin_is_printed_once(tmp_path):
    (password, again), events = first_start(tmp_path, "", "")
    assert len(password) >= 20
    assert again is None
    assert [(event.type, event.actor) for event in events] == [("UserCreated", "system:bootstrap")]
    assert password not in str(events)
    assert password.encode() not in (tmp_path / "gateway.db").read_bytes()


def test_a_configured_password_is_used_on_the_first_start(tmp_path):
    result, events = first_start(tmp_path, PASSWORD, "another password of mine")
    assert result == [PASSWORD, None]
    assert len(events) == 1

    async def scenario(gate):
        assert await gate.login()
        with pytest.raises(InvalidCredentials):
            await gate.login(password="another password of mine")

    run(tmp_path, scenario)


@pytest.mark.parametrize("password", ["short", "elevenchars"])
def test_a_weak_configured_password_stops_the_first_start(tmp_path, password):
    with pytest.raises(InvalidFields):
        first_start(tmp_path, password)


def test_concurrent_first_starts_create_one_admin(tmp_path):
    async def main():
        async with opened(tmp_path, module) as database:
            gateway = module.make(database, RING, FewApps())
            result = await asyncio.gather(*(gateway.create_initial_admin() for _ in range(4)))
            events = await emitted_events(database, "gateway")
            await gateway.close()
            return result, events

    result, events = asyncio.run(main())
    assert sum(password is not None for password in result) == 1
    assert len(events) == 1


def test_a_user_is_found_by_id_and_name_without_the_password(tmp_path):
    async def scenario(gate):
        ada = await gate.new_user("Ada")
        call = await gate.admin()
        assert ada == await gate.users.get(call, "ada") == await gate.users.get(call, str(ada.id))
        assert not hasattr(ada, "password")
        names = [user.username for user in (await gate.users.list(call, PageRequest())).items]
        assert names == ["Ada", "admin"]

    run(tmp_path, scenario)


@pytest.mark.parametrize("name", ["ada", "ADA", "Ada"])
def test_names_are_unique_without_case(tmp_path, name):
    async def scenario(gate):
        await gate.new_user("ada")
        with pytest.raises(AlreadyExists):
            await gate.new_user(name)

    run(tmp_path, scenario)


def test_a_name_is_not_reused(tmp_path):
    async def scenario(gate):
        await gate.new_user("ada")
        call = await gate.admin()
        await gate.users.delete(call, "ada")
        with pytest.raises(NotFound):
            await gate.users.get(call, "ada")
        with pytest.raises(AlreadyExists, match="was"):
            await gate.new_user("ada")
        with pytest.raises(InvalidCredentials):
            await gate.login("ada")

    run(tmp_path, scenario)


@pytest.mark.parametrize("password", ["short", "ada-the-first", "ADA-the-FIRST"])
def test_a_weak_password_is_rejected(tmp_path, password):
    async def scenario(gate):
        call = await gate.admin()
        with pytest.raises(InvalidFields) as caught:
            await gate.users.create(call, UserCreate(username="ada-the-first", password=password))
        assert caught.value.errors[0][0] == "/password"
        assert password not in str(caught.value.document(""))

    run(tmp_path, scenario)


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"active": False}, {"password": "another password"}])
def test_changing_a_user_ends_their_sessions_at_once(tmp_path, change):
    async def scenario(gate):
        await gate.new_user("ada")
        tokens = await gate.login("ada")
        assert await gate.principal_of(tokens.access_token)
        changed = await gate.users.update(await gate.admin(), "ada", UserPatch(**change))
        assert changed.rev == 2
        with pytest.raises(Unauthenticated):
            await gate.principal_of(tokens.access_token)
        assert [event.data["user_id"] for event in await gate.emitted_events("UserUpdated")] == [2]

    run(tmp_path, scenario)


def test_a_deleted_user_loses_access_at_once(tmp_path):
    async def scenario(gate):
        await gate.new_user("ada")
        tokens = await gate.login("ada")
        await gate.principal_of(tokens.access_token)
        await gate.users.delete(await gate.admin(), "ada")
        with pytest.raises(Unauthenticated):
            await gate.principal_of(tokens.access_token)

    run(tmp_path, scenario)


def test_a_no_op_change_emits_no_event_and_ends_no_session(tmp_path):
    async def scenario(gate):
        call = await gate.admin()
        assert (await gate.users.update(call, "admin", UserPatch(role="admin", active=True))).rev == 1
        assert await gate.emitted_events("UserUpdated") == []
        assert await gate.call((await gate.login()).access_token)

    run(tmp_path, scenario)


@pytest.mark.parametrize("change", [{"role": "user"}, {"role": "viewer"}, {"active": False}])
def test_the_last_admin_cannot_be_removed(tmp_path, change):
    async def scenario(gate):
        await gate.new_user("idle", "admin")
        call = await gate.admin()
        await gate.users.update(call, "idle", UserPatch(active=False))
        with pytest.raises(LastAdmin):
            await gate.users.update(call, "admin", UserPatch(**change))
        with pytest.raises(LastAdmin):
            await gate.users.delete(call, "admin")
        await gate.users.update(call, "idle", UserPatch(active=True))
        assert await gate.users.update(call, "admin", UserPatch(**change))

    run(tmp_path, scenario)


def test_of_two_admins_who_remove_each_other_concurrently_one_stays(tmp_path):
    async def scenario(gate):
        await gate.new_user("ada", "admin")
        call = await gate.admin()
        result = await asyncio.gather(
            gate.users.delete(call, "ada"),
            gate.users.update(call, "admin", UserPatch(role="viewer")),
            return_exceptions=True,
        )
        assert sum(isinstance(item, LastAdmin) for item in result) == 1

    run(tmp_path, scenario)


def test_an_admin_key_cannot_grant_more_than_the_key_has(tmp_path):
    async def scenario(gate):
        key = await gate.key(await gate.admin(), ("users:admin", "apps:read"))
        call = await gate.call(key.key)
        for attempt in (
            gate.users.create(call, UserCreate(username="eve", password=PASSWORD, role="admin")),
            gate.users.update(call, "admin", UserPatch(password="a password of mine")),
            gate.users.update(call, "admin", UserPatch(active=False)),
            gate.users.delete(call, "admin"),
        ):
            with pytest.raises(Forbidden):
                await attempt
        await gate.new_user("ada", "viewer")
        with pytest.raises(Forbidden):
            await gate.users.update(call, "ada", UserPatch(role="admin"))

    run(tmp_path, scenario)


def test_a_change_of_a_user_with_a_stale_etag_is_rejected(tmp_path):
    async def scenario(gate):
        await gate.new_user("ada")
        await gate.users.update(await gate.admin(), "ada", UserPatch(role="viewer"))
        with pytest.raises(PreconditionFailed):
            await gate.users.update(await gate.admin(if_match="2.1"), "ada", UserPatch(role="admin"))
        with pytest.raises(PreconditionFailed):
            await gate.users.delete(await gate.admin(if_match="2.1"), "ada")

    run(tmp_path, scenario)


def test_requests_with_one_idempotency_key_create_one_user(tmp_path):
    async def scenario(gate):
        call = await gate.admin(key="k")
        new = UserCreate(username="ada", password=PASSWORD)
        results = [await gate.users.create(call, new) for _ in range(3)]
        assert [result.replayed for result in results] == [False, True, True]
        other = replace(call, idempotency=Idempotency("k", "other"))
        with pytest.raises(IdempotencyKeyReused):
            await gate.users.create(other, new)

    run(tmp_path, scenario)


def test_the_password_of_an_admin_can_be_reset_with_access_to_the_data(tmp_path):
    async def scenario(gate):
        tokens = await gate.login()
        await gate.users.set_password("admin", "a password from the console")
        with pytest.raises(Unauthenticated):
            await gate.principal_of(tokens.access_token)
        assert await gate.login(password="a password from the console")
        with pytest.raises(NotFound):
            await gate.users.set_password("unknown", "a password from the console")
        (event,) = await gate.emitted_events("UserUpdated")
        assert event.actor == "system:recovery"

    run(tmp_path, scenario)


def test_a_caller_limited_to_some_apps_cannot_read_or_change_users(tmp_path):
    async def scenario(gate):
        key = await gate.key(await gate.admin(), tuple(SCOPES_BY_ROLE["admin"]), app="shop")
        call = await gate.call(key.key)
        for attempt in (
            gate.users.get(call, "admin"),
            gate.users.list(call, PageRequest()),
            gate.users.create(call, UserCreate(username="eve", password=PASSWORD, role="viewer")),
            gate.users.update(call, "unknown", UserPatch(role="viewer")),
            gate.users.delete(call, "unknown"),
            gate.gateway.bindings.list(call, PageRequest()),
            gate.gateway.bindings.delete(call, 1),
        ):
            with pytest.raises(Forbidden):
                await attempt

    run(tmp_path, scenario)
