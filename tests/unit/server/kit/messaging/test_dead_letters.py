"""Dead letters: what they record of the error."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.kit.errors import EnvmgrError
from envmgr.server.app import module
from envmgr.server.kit.messaging.bus import ALL_TYPES
from envmgr.server.kit.messaging.dead_letters import MAX_ERROR_CHARS, DeadLetters
from support.services.event_recorders import envelope
from support.services.service_fixtures import opened


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no number"), "ValueError: no number"),
        (ExceptionGroup("two", [TimeoutError(), ValueError()]), "TimeoutError"),
        (EnvmgrError("no space", "free some"), "EnvmgrError: no space; free some"),
        (ValueError("x" * 3000), "ValueError: " + "x" * (MAX_ERROR_CHARS - 12)),
    ],
)
def test_a_dead_letter_describes_its_error_as_the_log_does(tmp_path, error, text):
    async def main():
        async with opened(tmp_path, module) as database:
            dead_letters = DeadLetters(database, "app")
            subscription = dead_letters.subscription("reader", [ALL_TYPES], None)
            await subscription.dead_letter(envelope(1), error, 5)
            (dead_letter,) = await dead_letters.all()
            assert dead_letter.error == text

    asyncio.run(main())
