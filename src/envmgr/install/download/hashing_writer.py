"""Writing and hashing in a thread, while more is received: all three release the GIL."""

from __future__ import annotations

import hashlib
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_WAITING = 8
_BLOCK = 1 << 18


class HashingWriter:
    """Writer that continues a file after `start` bytes and hashes all of it.

    `report_size` is called with the file's size after each write. Leaving the block early keeps the bytes written.
    Raises OSError on a failed write.
    """

    def __init__(
        self, path: str, start: int, algorithms: Iterable[str], report_size: Callable[[int], None]
    ) -> None:
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115 - closed by close
        self._start = self._size = start
        self._report_size = report_size
        self._hashers = {name: hashlib.new(name) for name in algorithms}
        self._queue: Queue[bytes | None] = Queue(_WAITING)
        self._error: Exception | None = None
        self._thread = Thread(target=self._work, name="envmgr-sink", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Enter the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write the queued bytes and close the file."""
        self._stop()
        self._file.close()

    def write(self, block: bytes) -> None:
        """Queue bytes for writing; raise the error of an earlier write."""
        if self._error:
            raise self._error
        self._queue.put(block)

    def finish(self) -> Mapping[str, str]:
        """Write everything and return the hexadecimal digests by algorithm.

        The file is not synced: cached files are hashed again before use, so one that a power cut damaged is
        downloaded again.
        """
        self._stop()
        if self._error:
            raise self._error
        return {name: hasher.hexdigest() for name, hasher in self._hashers.items()}

    def _stop(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _work(self) -> None:
        try:
            self._hash_start()
            while (block := self._queue.get()) is not None:
                self._write(block)
                self._hash(block)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits for this one
            self._error = error
            while self._queue.get() is not None:  # a blocked producer must not wait forever
                pass

    def _hash_start(self) -> None:
        left = self._start
        while left and (block := self._file.read(min(left, _BLOCK))):
            self._hash(block)
            left -= len(block)
        self._file.seek(self._start)
        self._file.truncate()
        self._report_size(self._start)

    def _write(self, block: bytes) -> None:
        remaining = memoryview(block)
        while remaining:  # on an almost full disk, a write may be short
            remaining = remaining[self._file.write(remaining) or 0 :]
        self._size += len(block)
        self._report_size(self._size)

    def _hash(self, block: bytes) -> None:
        for hasher in self._hashers.values():
            hasher.update(block)
