"""Download in a thread of its own, so that its file can be read meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from envmgr.install.download.growing_file import GrowingFile
from envmgr.kit.thread_pool import await_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.install.download.download import Download


class Transfer:
    """A download in progress.

    Its thread is left to itself when the caller is stopped, since it may wait for a server.
    """

    def __init__(self, fetch: Callable[[GrowingFile], Download]) -> None:
        self.file = GrowingFile()
        self._fetch = fetch
        self._future: Future[Download] = Future()
        threading.Thread(target=self._run, name="envmgr-transfer", daemon=True).start()

    @property
    def is_done(self) -> bool:
        """Return whether the download ended."""
        return self._future.done()

    def result(self, stop: threading.Event) -> Download:
        """Return the verified download, or raise its error; KeyboardInterrupt once `stop` is set."""
        return await_result(self._future, stop)

    def _run(self) -> None:
        try:
            download = self._fetch(self.file)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for the result
            self.file.abandon()
            self._future.set_exception(error)
        else:
            self.file.finish()
            self._future.set_result(download)
