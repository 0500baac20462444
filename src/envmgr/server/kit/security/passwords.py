"""Passwords: argon2id (RFC 9106), a few at a time, so that a flood of logins fills neither memory nor processors.

19 MiB and three passes take about 30 ms here; OWASP asks for at least two
(https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
THREADS = 2
MAX_QUEUE_SIZE = 64
"""More than this many at once are sent away: they would wait for seconds."""

_HASHER = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)
_DUMMY_HASH = (
    "$argon2id$v=19$m=19456,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$5mUkSXUuXgGXFCcv6zVmPbfLSvbRElqCbmCxNzqRm+s"
)
"""The hash of no password: what is typed for users that do not exist is checked against it, to take as long."""


class Argon2PasswordHasher:
    """Hashes and checks passwords beside the loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, "password")
        self._running = 0

    async def hash(self, password: str) -> str:
        """Return what to store of a password."""
        return await self._in_thread(lambda: _HASHER.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Say whether a password is the stored one; for None (nobody), say no after the same work."""
        right = await self._in_thread(lambda: _verify(stored or _DUMMY_HASH, password))
        return right and stored is not None

    @staticmethod
    def needs_rehash(stored: str) -> bool:
        """Say whether a stored password should be hashed anew, as hashes are made otherwise now."""
        return _HASHER.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._running >= MAX_QUEUE_SIZE:
            raise ServiceUnavailable("too many sign-ins at once: try again in a moment", retry_after=2)
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._running -= 1


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
