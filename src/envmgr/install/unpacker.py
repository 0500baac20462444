"""Extraction of an archive into a staging directory: after its download, or during it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from envmgr.install import fsync
from envmgr.install.archive import extract, formats
from envmgr.install.archive.decompress_process import SMALL
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import remove_unused_tree

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from envmgr.install.archive.entry import Entry
    from envmgr.install.archive.extract import Tree
    from envmgr.install.archive.formats import Archive
    from envmgr.install.download.growing_file import GrowingContent
    from envmgr.install.download.transfer import Transfer
    from envmgr.install.install_job import InstallJob
    from envmgr.kit.progress import Progress

_CAN_MOVE_OPEN_FILES = os.name != "nt"
"""Whether a download can be moved into the cache while it is read."""


@frozen
class Unpacker:
    """Extraction for an installation; setting `stop` ends it with KeyboardInterrupt."""

    job: InstallJob
    progress: Progress
    stop: threading.Event

    def can_unpack_during(self, transfer: Transfer) -> bool:
        """Return whether an archive can be unpacked during its download, waiting for its first bytes.

        Only an archive with a promised digest is unpacked before it is verified.
        """
        return self._can_unpack_early() and self._has_next(transfer, 0)

    def _can_unpack_early(self) -> bool:
        is_promised = self.job.artifact.digest is not None
        return is_promised and formats.is_streamable(self.job.layout.format) and _CAN_MOVE_OPEN_FILES

    def _has_next(self, transfer: Transfer, generation: int) -> bool:
        return transfer.file.has_next(generation, SMALL, self.stop.is_set)

    def unpack(self, path: str, staged: str) -> Tree:
        """Extract a verified archive; raise BadArchive or UnsafeArchive."""
        with (
            formats.open_archive(path, self.job.layout.format) as archive,
            fsync.background_sync(staged, archive.position),
        ):
            return self._extract(self._with_progress(archive), os.path.join(staged, "tree"))

    def unpack_during(self, transfer: Transfer, staged: str) -> Tree | None:
        """Extract an archive while it is downloaded; return None if that was not possible.

        A tree is returned only if exactly the bytes that it was made of have the promised digest. A tree that failed is
        deleted: `unpack` of the verified archive decides on it again.
        """
        digest, generation = self.job.artifact.digest, 0
        while digest and self._has_next(transfer, generation):
            try:
                content = transfer.file.open(digest, self.stop.is_set)
            except OSError:  # the download ended: its file was deleted or moved
                return None
            with contextlib.closing(content):
                tree = self._try_extract(
                    transfer, content, os.path.join(staged, f"tree-{content.generation}")
                )
            if tree is not None:
                return tree
            generation = content.generation
        self.check_stop()
        return None

    def _try_extract(self, transfer: Transfer, content: GrowingContent, directory: str) -> Tree | None:
        try:
            with (
                fsync.background_sync(os.path.dirname(directory), lambda: content.position),
                formats.open_stream(content, self.job.layout.format) as entries,
            ):
                tree = self._extract(self._with_progress_after(transfer, content, entries), directory)
                if content.is_as_promised():
                    return tree
        except Exception as error:  # noqa: BLE001 - of unverified bytes: the verified archive decides
            self.progress.debug(f"{self.job}: unpacking after the download: {error}")
        remove_unused_tree(directory)
        return None

    def _extract(self, entries: Iterator[Entry], directory: str) -> Tree:
        layout = self.job.layout
        links = (path for candidates in layout.links.values() for path in candidates)
        return extract.unpack(
            entries,
            _extended_path(directory),
            self.job.platform.os,
            layout.strip,
            [*layout.bin, *links],
        )

    def _with_progress(self, archive: Archive) -> Iterator[Entry]:
        """Yield entries, reporting how much of the archive was read."""
        self.progress.step(str(self.job), "unpacking", archive.size)
        reported = 0
        for entry in archive.entries:
            self.check_stop()
            reported = self._report(reported, archive.position())
            yield entry
        self._report(reported, archive.size)

    def _with_progress_after(
        self, transfer: Transfer, content: GrowingContent, entries: Iterator[Entry]
    ) -> Iterator[Entry]:
        """Yield entries, reporting how much of the archive was read once the download has ended."""
        reported: int | None = None
        for entry in entries:
            self.check_stop()
            if transfer.is_done and reported is None:
                self.progress.step(str(self.job), "unpacking", transfer.file.size)
                reported = 0
            if reported is not None:
                reported = self._report(reported, content.position)
            yield entry

    def _report(self, reported: int, position: int) -> int:
        """Report the bytes that were read since the last report; return how many were reported."""
        if position > reported:
            self.progress.advance(str(self.job), position - reported)
        return max(position, reported)

    def check_stop(self) -> None:
        """Raise KeyboardInterrupt once the installation is to end."""
        if self.stop.is_set():
            raise KeyboardInterrupt


def _extended_path(path: str) -> str:
    """Return an extended-length path on Windows."""
    return "\\\\?\\" + os.path.abspath(path) if os.name == "nt" else path
