from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher

from envmgr.server.kit.common.problems import Unavailable
from envmgr.server.kit.security import passwords
from envmgr.server.kit.security.passwords import Passwords


def run(scenario):
    async def whole():
        hasher = Passwords()
        try:
            return await scenario(hasher)
        finally:
            hasher.close()

    return asyncio.run(whole())


def test_the_right_password_is_right_and_others_are_not():
    async def scenario(hasher):
        stored = await hasher.hashed("correct horse")
        assert stored.startswith("$argon2id$")
        assert await hasher.is_right(stored, "correct horse")
        assert not await hasher.is_right(stored, "correct horse ")
        assert not await hasher.is_right("", "correct horse")
        assert not await hasher.is_right("$argon2id$nonsense", "correct horse")
        assert not Passwords.is_old(stored)

    run(scenario)


def test_nobody_has_no_password_and_is_asked_by_the_same_work():
    async def scenario(hasher):
        for guess in ("", "anything", passwords._NOBODY):
            assert not await hasher.is_right(None, guess)

    run(scenario)
    assert not Passwords.is_old(passwords._NOBODY)


def test_a_password_hashed_otherwise_is_old():
    assert Passwords.is_old(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x"))


def test_a_flood_is_sent_away_instead_of_waiting(monkeypatch):
    monkeypatch.setattr(passwords, "WAITING", 3)

    async def scenario(hasher):
        found = await asyncio.gather(*(hasher.is_right(None, "x") for _ in range(8)), return_exceptions=True)
        assert sum(isinstance(each, Unavailable) for each in found) == 5
        assert not await hasher.is_right(None, "x")

    run(scenario)


@pytest.mark.parametrize("text", ["naïve pässword", "パスワード", "a" * 1024])
def test_any_text_can_be_a_password(text):
    async def scenario(hasher):
        assert await hasher.is_right(await hasher.hashed(text), text)

    run(scenario)
