"""Values read from a database, reused until something is committed to it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from envmgr.server.kit.db.sql import Database

K = TypeVar("K")
V = TypeVar("V")
MAX_ENTRIES = 4096


class ReadCache(Generic[K, V]):
    """Cache of values read from a database, exact: a commit of any process empties it.

    Each thread has entries of its own, as only versions of one thread can be compared.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._local = threading.local()

    def entries(self) -> dict[K, V]:
        """Return the entries read since the last commit; blocks, and must be called before what is read.

        A value read between this call and the next is added by the caller. Raise ServiceUnavailable.
        """
        version = self._database.commit_version()
        entries: dict[K, V] | None = getattr(self._local, "entries", None)
        if (
            entries is None
            or version is None
            or version != self._local.version
            or len(entries) >= MAX_ENTRIES
        ):
            entries = {}
            self._local.version, self._local.entries = version, entries
        return entries
