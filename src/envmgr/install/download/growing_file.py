"""File that a download writes while another thread reads and hashes it from the start."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

from envmgr.kit.thread_pool import POLL_INTERVAL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO

    from envmgr.kit.digest import Digest

_BLOCK_BYTES = 1 << 18


class IncompleteContent(Exception):
    """The content ended early: the download failed or restarted, or the reader was stopped."""


class GrowingFile:
    """The file of a download, and how much of it was written; thread-safe.

    The download calls `begin` for each request, `extend` for what it wrote, and at last `finish` or `abandon`. A file
    that begins again with other bytes is another generation: readers of the former get IncompleteContent.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._path = ""
        self._length: int | None = None
        self._size = 0
        self._generation = 0
        self._is_finished = False
        self._is_abandoned = False

    @property
    def size(self) -> int:
        """Return the bytes that were written."""
        return self._size

    def begin(self, path: str, length: int | None, start: int) -> None:
        """Record a request for the bytes after the first `start`; with none, the content is new."""
        with self._changed:
            if start == 0 or self._generation == 0:
                self._generation += 1
                self._path, self._length, self._size = path, length, 0
            self._changed.notify_all()

    def extend(self, size: int) -> None:
        """Record the bytes that were written."""
        with self._changed:
            self._size = size
            self._changed.notify_all()

    def finish(self) -> None:
        """Record that the file is complete and verified."""
        with self._changed:
            self._is_finished = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Record that the download failed."""
        with self._changed:
            self._is_abandoned = True
            self._changed.notify_all()

    def has_next(self, generation: int, min_bytes: int, is_stopped: Callable[[], bool]) -> bool:
        """Return whether another generation begins before the download ends, waiting for it.

        Generations whose length is unknown, or below `min_bytes`, are skipped.
        """
        with self._changed:
            while not (self._is_finished or self._is_abandoned or is_stopped()):
                if self._generation > generation and (self._length or 0) >= min_bytes:
                    return True
                self._changed.wait(POLL_INTERVAL_SECONDS)
        return False

    def open(self, digest: Digest, is_stopped: Callable[[], bool]) -> GrowingContent:
        """Return the content of the generation that began last; raise OSError."""
        with self._changed:
            return GrowingContent(self, self._generation, self._path, digest, is_stopped)

    def await_bytes(self, generation: int, position: int, is_stopped: Callable[[], bool]) -> int:
        """Return how many bytes can be read after a position, 0 only at the end.

        Raises IncompleteContent if a generation has no more bytes, but is incomplete.
        """
        with self._changed:
            while True:
                if self._is_abandoned or generation != self._generation or is_stopped():
                    raise IncompleteContent
                if self._size > position or self._is_finished:
                    return max(0, self._size - position)
                self._changed.wait(POLL_INTERVAL_SECONDS)


class GrowingContent:
    """The content of one generation, for one reader: it is hashed as it is read.

    So a digest that is as promised proves the bytes that were read, whatever happened to the file meanwhile.
    """

    def __init__(
        self,
        growing: GrowingFile,
        generation: int,
        path: str,
        digest: Digest,
        is_stopped: Callable[[], bool],
    ) -> None:
        self.generation = generation
        self.position = 0
        self._growing = growing
        self._promised = digest
        self._hasher = hashlib.new(digest.algorithm)
        self._is_stopped = is_stopped
        self._is_cancelled = False
        self._file: FileIO = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close

    def read(self) -> bytes:
        """Return the next bytes, waiting for them; empty at the end.

        Raises IncompleteContent or OSError.
        """
        count = self._growing.await_bytes(self.generation, self.position, self._has_ended)
        block = self._file.read(min(count, _BLOCK_BYTES))
        if count and not block:
            raise IncompleteContent
        self._hasher.update(block)
        self.position += len(block)
        return block

    def _has_ended(self) -> bool:
        return self._is_cancelled or self._is_stopped()

    def is_as_promised(self) -> bool:
        """Read the content to its end; return whether it has the promised digest."""
        while self.read():
            pass
        return self._hasher.hexdigest() == self._promised.value

    def cancel(self) -> None:
        """End a reader that waits, within a tenth of a second."""
        self._is_cancelled = True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
