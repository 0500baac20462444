from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher

from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.security import passwords
from envmgr.server.kit.security.passwords import Argon2PasswordHasher


def run(scenario):
    async def main():
        hasher = Argon2PasswordHasher()
        try:
            return await scenario(hasher)
        finally:
            hasher.close()

    return asyncio.run(main())


def test_only_the_correct_password_is_verified():
    async def scenario(hasher):
        stored = await hasher.hash("correct horse")
        assert stored.startswith("$argon2id$")
        assert await hasher.verify(stored, "correct horse")
        assert not await hasher.verify(stored, "correct horse ")
        assert not await hasher.verify("", "correct horse")
        assert not await hasher.verify("$argon2id$nonsense", "correct horse")
        assert not Argon2PasswordHasher.should_rehash(stored)

    run(scenario)


def test_an_unknown_user_costs_the_same_hashing_work():
    async def scenario(hasher):
        for guess in ("", "anything", passwords._DUMMY_HASH):
            assert not await hasher.verify(None, guess)

    run(scenario)
    assert not Argon2PasswordHasher.should_rehash(passwords._DUMMY_HASH)


def test_a_hash_with_other_parameters_is_outdated():
    assert Argon2PasswordHasher.should_rehash(
        PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x")
    )


def test_excess_password_checks_are_rejected_instead_of_queued(monkeypatch):
    monkeypatch.setattr(passwords, "MAX_QUEUE_SIZE", 3)

    async def scenario(hasher):
        result = await asyncio.gather(*(hasher.verify(None, "x") for _ in range(8)), return_exceptions=True)
        assert sum(isinstance(item, ServiceUnavailable) for item in result) == 5
        assert not await hasher.verify(None, "x")

    run(scenario)


@pytest.mark.parametrize("text", ["naïve pässword", "パスワード", "a" * 1024])
def test_any_text_can_be_a_password(text):
    async def scenario(hasher):
        assert await hasher.verify(await hasher.hash(text), text)

    run(scenario)
