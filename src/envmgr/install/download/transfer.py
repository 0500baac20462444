"""Download in a thread of its own, so that its file can be read meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from envmgr.install.download.growing_file import GrowingFile
from envmgr.kit.thread_pool import Task

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
        self._task = Task(self._run)
        threading.Thread(target=self._task.run, name="envmgr-transfer", daemon=True).start()

    @property
    def is_done(self) -> bool:
        """Return whether the download ended."""
        return self._task.is_done

    def result(self, stop: threading.Event) -> Download:
        """Return the verified download, or raise its error; KeyboardInterrupt once `stop` is set."""
        return self._task.result(stop)

    def _run(self) -> Download:
        try:
            download = self._fetch(self.file)
        except BaseException:
            self.file.abandon()
            raise
        self.file.finish()
        return download
