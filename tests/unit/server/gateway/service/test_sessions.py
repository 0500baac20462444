from __future__ import annotations

import asyncio

import pytest

from envmgr.server.contracts.identity_requests import ClientInfo, Logout, PasswordChange, UserPatch
from envmgr.server.contracts.problems import InvalidCredentials, RefreshTokenReused
from envmgr.server.gateway.store import users
from envmgr.server.kit.common.problems import Forbidden, InvalidFields, TooManyRequests, Unauthenticated
from envmgr.server.kit.security.passwords import Argon2PasswordHasher
from support.services.gateway_fixtures import HERE, PASSWORD, run

ELSEWHERE = ClientInfo("198.51.100.7")


async def is_out(gate, token):
    try:
        await gate.principal_of(token)
    except Unauthenticated:
        return True
    return False


def test_a_session_has_the_identity_of_its_user(tmp_path):
    async def scenario(gate):
        await gate.new_user("ada", "viewer")
        tokens = await gate.login("ADA")
        principal = await gate.principal_of(tokens.access_token)
        assert (principal.actor, principal.role, principal.user_id) == ("user:ada", "viewer", 2)
        assert principal.scopes == {"apps:read", "versions:read", "deployments:read", "audit:read"}
        assert tokens.expires_in == 900
        (event,) = [item for item in await gate.emitted_events("LoginSucceeded") if item.actor == "user:ada"]
        assert event.data == {"user_id": 2, "session_id": 2, "address": "192.0.2.1"}

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("admin", "wrong"),
        ("unknown", PASSWORD),
        ("admin", ""),
        ("", PASSWORD),
        ("1", PASSWORD),
        ("\uff41dmin", PASSWORD),
    ],
)
def test_a_wrong_password_is_rejected(tmp_path, username, password):
    async def scenario(gate):
        with pytest.raises(InvalidCredentials):
            await gate.login(username, password)
        assert len(await gate.emitted_events("LoginFailed")) == 1

    run(tmp_path, scenario)


def test_an_unknown_username_is_not_recorded_unless_it_is_valid(tmp_path):
    async def scenario(gate):
        for typed in ("my secret typed too early", "admin"):
            with pytest.raises(InvalidCredentials):
                await gate.login(typed, "not the password at all")
        invalid, valid = await gate.emitted_events("LoginFailed")
        assert invalid.data["username"] == ""
        assert valid.data["username"] == "admin"
        for event in (invalid, valid):
            assert event.actor == "anonymous"
            assert "secret" not in str(event)
            assert "not the password" not in str(event)

    run(tmp_path, scenario)


def test_five_failures_block_the_address_and_no_other(tmp_path):
    async def scenario(gate):
        for _ in range(5):
            with pytest.raises(InvalidCredentials):
                await gate.login(password="wrong")
        with pytest.raises(TooManyRequests) as caught:
            await gate.login()
        assert 0 < int(caught.value.headers["retry-after"]) <= 900
        assert await gate.login(origin=ELSEWHERE)

    run(tmp_path, scenario)


def test_concurrent_failures_are_counted(tmp_path):
    async def scenario(gate):
        guesses = [gate.login(password=f"wrong {n}") for n in range(12)]
        result = await asyncio.gather(*guesses, return_exceptions=True)
        assert sum(isinstance(item, InvalidCredentials) for item in result) == 5
        assert sum(isinstance(item, TooManyRequests) for item in result) == 7

    run(tmp_path, scenario)


def test_an_address_that_fails_for_many_accounts_is_blocked(tmp_path):
    async def scenario(gate):
        matches = [await outcome(gate.login(f"user{n}", "wrong")) for n in range(22)]
        assert matches == [InvalidCredentials] * 20 + [TooManyRequests] * 2

    run(tmp_path, scenario)


def test_an_ipv6_network_counts_as_one_address(tmp_path):
    async def scenario(gate):
        matches = [
            await outcome(gate.login(password="wrong", origin=ClientInfo(f"2001:db8:1:2::{n}")))
            for n in range(7)
        ]
        assert matches == [InvalidCredentials] * 5 + [TooManyRequests] * 2
        assert (
            await outcome(gate.login(password="wrong", origin=ClientInfo("2001:db8:1:3::1")))
            is InvalidCredentials
        )

    run(tmp_path, scenario)


def test_an_account_with_failures_from_many_addresses_is_locked_temporarily(tmp_path, monkeypatch):
    monkeypatch.setitem(
        __import__("envmgr.server.gateway.auth.login_throttle", fromlist=["MAX_FAILURES"]).MAX_FAILURES,
        "account",
        8,
    )

    async def scenario(gate):
        matches = [
            await outcome(gate.login(password="wrong", origin=ClientInfo(f"203.0.113.{n}")))
            for n in range(10)
        ]
        assert matches == [InvalidCredentials] * 8 + [TooManyRequests] * 2

    run(tmp_path, scenario)


async def outcome(attempt):
    try:
        await attempt
    except (InvalidCredentials, TooManyRequests) as error:
        return type(error)
    return None


def test_failures_are_preserved_on_restart_and_reset_by_a_success(tmp_path):
    async def fail(gate):
        for _ in range(4):
            with pytest.raises(InvalidCredentials):
                await gate.login(password="wrong")

    async def fail_once_more(gate):
        assert [await outcome(gate.login(password="wrong")) for _ in range(2)] == [
            InvalidCredentials,
            TooManyRequests,
        ]

    async def succeed(gate):
        await gate.login()
        assert [await outcome(gate.login(password="wrong")) for _ in range(6)] == [InvalidCredentials] * 5 + [
            TooManyRequests
        ]

    for name, last in (("one", fail_once_more), ("two", succeed)):
        directory = tmp_path / name
        directory.mkdir()
        run(directory, fail)
        run(directory, last)


def test_concurrent_sign_ins_from_one_address_succeed(tmp_path):
    async def scenario(gate):
        tokens = await asyncio.gather(*(gate.login() for _ in range(16)))
        assert len({token.access_token for token in tokens}) == 16

    run(tmp_path, scenario)


def test_a_refresh_token_works_once_and_returns_the_next(tmp_path):
    async def scenario(gate):
        first = await gate.login()
        second = await gate.sessions.refresh(HERE, first.refresh_token)
        third = await gate.sessions.refresh(HERE, second.refresh_token)
        assert (await gate.principal_of(third.access_token)).actor == "user:admin"
        assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3

    run(tmp_path, scenario)


def test_a_reused_refresh_token_ends_the_session(tmp_path):
    async def scenario(gate):
        first = await gate.login()
        second = await gate.sessions.refresh(HERE, first.refresh_token)
        other = await gate.login()
        with pytest.raises(RefreshTokenReused):
            await gate.sessions.refresh(ELSEWHERE, first.refresh_token)
        assert await is_out(gate, first.access_token)
        assert await is_out(gate, second.access_token)
        with pytest.raises(Unauthenticated):
            await gate.sessions.refresh(HERE, second.refresh_token)
        assert not await is_out(gate, other.access_token)
        (event,) = await gate.emitted_events("RefreshReused")
        assert event.data == {"user_id": 1, "session_id": 1, "address": "198.51.100.7", "ended": True}

    run(tmp_path, scenario)


def test_a_concurrent_refresh_with_the_same_token_ends_the_session(tmp_path):
    async def scenario(gate):
        first = await gate.login()
        result = await asyncio.gather(
            *(gate.sessions.refresh(HERE, first.refresh_token) for _ in range(5)), return_exceptions=True
        )
        assert sum(not isinstance(item, Exception) for item in result) == 1
        assert await is_out(gate, first.access_token)

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "evr_1_wrong",
        "evr_1_",
        "evr_99_x",
        "evr_x_y",
        "evr__",
        "evm_1_x",
        "evr_1",
        "evr_" + "9" * 200 + "_x",
    ],
)
def test_an_unknown_refresh_token_is_rejected_without_side_effects(tmp_path, token):
    async def scenario(gate):
        tokens = await gate.login()
        with pytest.raises(Unauthenticated):
            await gate.sessions.refresh(HERE, token)
        assert not await is_out(gate, tokens.access_token)
        assert await gate.sessions.refresh(HERE, tokens.refresh_token)

    run(tmp_path, scenario)


def test_a_refresh_token_is_not_valid_for_another_session(tmp_path):
    async def scenario(gate):
        item, other = await gate.login(), await gate.login()
        mixed = f"evr_2_{item.refresh_token.split('_', 2)[2]}"
        with pytest.raises(Unauthenticated):
            await gate.sessions.refresh(HERE, mixed)
        assert not await is_out(gate, other.access_token)

    run(tmp_path, scenario)


def test_refresh_tokens_do_not_authenticate_and_access_tokens_do_not_refresh(tmp_path):
    async def scenario(gate):
        tokens = await gate.login()
        assert await is_out(gate, tokens.refresh_token)
        with pytest.raises(Unauthenticated):
            await gate.sessions.refresh(HERE, tokens.access_token)

    run(tmp_path, scenario)


@pytest.mark.parametrize("by", ["access", "refresh"])
def test_signing_out_takes_effect_at_once(tmp_path, by):
    async def scenario(gate):
        tokens, other = await gate.login(), await gate.login()
        call = await gate.call(tokens.access_token)
        if by == "access":
            await gate.sessions.logout(call, Logout())
        else:
            await gate.sessions.logout(None, Logout(refresh_token=tokens.refresh_token))
        assert await is_out(gate, tokens.access_token)
        with pytest.raises(Unauthenticated):
            await gate.sessions.refresh(HERE, tokens.refresh_token)
        assert not await is_out(gate, other.access_token)
        assert [event.actor for event in await gate.emitted_events("LoggedOut")] == ["user:admin"]

    run(tmp_path, scenario)


def test_guessing_tokens_does_not_end_other_sessions(tmp_path):
    async def scenario(gate):
        tokens = await gate.login()
        for call, logout in ((None, Logout()), (None, Logout(refresh_token="evr_1_guess"))):
            with pytest.raises(Unauthenticated):
                await gate.sessions.logout(call, logout)
        assert not await is_out(gate, tokens.access_token)

    run(tmp_path, scenario)


def test_a_changed_password_ends_every_session(tmp_path):
    async def scenario(gate):
        tokens, other = await gate.login(), await gate.login()
        change = PasswordChange(current=PASSWORD, new="another password of mine")
        await gate.sessions.change_password(await gate.call(tokens.access_token), HERE, change)
        assert await is_out(gate, tokens.access_token)
        assert await is_out(gate, other.access_token)
        with pytest.raises(InvalidCredentials):
            await gate.login()
        assert await gate.login(password="another password of mine")
        assert len(await gate.emitted_events("PasswordChanged")) == 1

    run(tmp_path, scenario)


def test_changing_a_password_requires_the_old_one_and_counts_failures(tmp_path):
    async def scenario(gate):
        call = await gate.admin()
        change = PasswordChange(current="a guess that is wrong", new="another password of mine")
        for _ in range(5):
            with pytest.raises(InvalidCredentials):
                await gate.sessions.change_password(call, HERE, change)
        with pytest.raises(TooManyRequests):
            await gate.sessions.change_password(call, HERE, change)

    run(tmp_path, scenario)


@pytest.mark.parametrize("new", ["short", "x" * 11])
def test_a_weak_password_is_rejected(tmp_path, new):
    async def scenario(gate):
        with pytest.raises(InvalidFields):
            await gate.sessions.change_password(
                await gate.admin(), HERE, PasswordChange(current=PASSWORD, new=new)
            )

    run(tmp_path, scenario)


def test_a_key_can_neither_sign_out_nor_change_a_password(tmp_path):
    async def scenario(gate):
        key = await gate.call((await gate.key(await gate.admin())).key)
        with pytest.raises(Forbidden):
            await gate.sessions.logout(key, Logout())
        with pytest.raises(Forbidden):
            await gate.sessions.change_password(
                key, HERE, PasswordChange(current=PASSWORD, new="another password of mine")
            )

    run(tmp_path, scenario)


def test_a_password_with_outdated_hash_parameters_is_rehashed(tmp_path):
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

    async def scenario(gate):
        await gate.database.write(lambda transaction: users.set_password(transaction, 1, weak))
        assert await gate.login()
        stored = await gate.database.read_inline(lambda reader: users.password(reader, 1))
        assert stored != weak
        assert not Argon2PasswordHasher.should_rehash(stored)
        assert await gate.login()

    run(tmp_path, scenario)


def test_a_disabled_user_gets_the_same_error_as_others(tmp_path):
    async def scenario(gate):
        await gate.new_user("ada")
        await gate.users.update(await gate.admin(), "ada", UserPatch(active=False))
        with pytest.raises(InvalidCredentials) as caught:
            await gate.login("ada")
        with pytest.raises(InvalidCredentials) as other:
            await gate.login("unknown")
        assert caught.value.detail == other.value.detail

    run(tmp_path, scenario)
