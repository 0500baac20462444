"""Password hashing with argon2id (RFC 9106), limited in concurrency against login floods.

19 MiB and three passes take about 30 ms; OWASP recommends at least two passes
(https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.common.threads import run_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
THREADS = 2
MAX_QUEUE_SIZE = 64
"""Further requests are refused: they would wait for seconds."""

_HASHER = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)
_DUMMY_HASH = (
    "$argon2id$v=19$m=19456,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$5mUkSXUuXgGXFCcv6zVmPbfLSvbRElqCbmCxNzqRm+s"
)
"""Checked for unknown users, so that they take as long as known ones."""


class Argon2PasswordHasher:
    """Hash and verify passwords in worker threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, "password")
        self._running = 0

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        return await self._in_thread(lambda: _HASHER.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether a password matches a hash; for None, return False after the same work."""
        right = await self._in_thread(lambda: _verify(stored or _DUMMY_HASH, password))
        return right and stored is not None

    @staticmethod
    def should_rehash(stored: str) -> bool:
        """Return whether a hash uses outdated parameters."""
        return _HASHER.check_needs_rehash(stored)

    def close(self) -> None:
        """Stop the worker threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._running >= MAX_QUEUE_SIZE:
            raise ServiceUnavailable("too many concurrent sign-ins; retry shortly", retry_after=2)
        self._running += 1
        try:
            return await run_in_thread(self._pool, work)
        finally:
            self._running -= 1


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
