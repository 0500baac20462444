"""Blocks that a thread takes from an iterator, some of them ahead of the reader.

This module is imported without envmgr, too (see `decompress`).
"""

from __future__ import annotations

import threading
from queue import Queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class ReadAhead:
    """Thread that takes blocks from an iterator; at most `max_waiting` (two or more) wait for the reader."""

    def __init__(self, blocks: Iterator[bytes], max_waiting: int, thread_name: str) -> None:
        self._blocks = blocks
        self._queue: Queue[bytes | Exception] = Queue(max_waiting)
        self._is_closed = False
        self._thread = threading.Thread(target=self._produce, name=thread_name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the blocks; raise the iterator's error."""
        while block := self._queue.get():
            if isinstance(block, Exception):
                raise block
            yield block

    def close(self) -> None:
        """Discard what waits, and wait for the thread."""
        self._is_closed = True
        while not self._queue.empty():
            self._queue.get()
        self._thread.join()  # at most a block and the end, or an error, follow: the emptied queue has room for them

    def _produce(self) -> None:
        try:
            for block in self._blocks:
                self._queue.put(block)
                if self._is_closed:
                    return
            self._queue.put(b"")
        except Exception as error:  # noqa: BLE001 - raised again in the thread of the reader
            self._queue.put(error)
