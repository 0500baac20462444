"""Installation of one version of one tool: atomic."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from envmgr.catalog import url_hints
from envmgr.install import commands, executables, fsync, integrity, receipt, staging, store
from envmgr.install.archive import formats
from envmgr.install.archive.safety import normalize_path
from envmgr.install.download import cache
from envmgr.install.download.transfer import Transfer
from envmgr.install.outcome import Outcome, outcome_of_existing
from envmgr.install.receipt import Receipt
from envmgr.install.unpacker import Unpacker
from envmgr.kit import file_locks
from envmgr.kit.errors import BadArchive, InstallError, UnsafeArchive, UntrustedScript
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import make_dir, move_tree, move_tree_back, storage_errors
from envmgr.kit.paths import file_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.catalog.release import Location, Signature
    from envmgr.install.archive.extract import Tree
    from envmgr.install.download.download import Download
    from envmgr.install.download.growing_file import GrowingFile
    from envmgr.install.install_job import InstallJob
    from envmgr.install.store import Installed
    from envmgr.kit.http.client import Http
    from envmgr.kit.paths import Paths
    from envmgr.kit.progress import Progress
    from envmgr.lockformat.model import Artifact

_BAD_ARCHIVE_HINT = "nothing was installed; report it to the publisher, or check the URL"
_DISCARDED_HINT = "nothing was installed, and the download was discarded: retry"


class Fetch(Protocol):
    """A function that turns an artifact into a verified file, such as `download.download`."""

    def __call__(
        self,
        artifact: Artifact,
        *,
        http: Http,
        paths: Paths,
        locate: Callable[[Artifact], Location],
        progress: Progress,
        task: str,
        growing: GrowingFile | None = None,
    ) -> Download:
        """Download and verify; `growing` gets the file while it is written."""


def install(  # noqa: PLR0913 - all passed by keyword
    job: InstallJob,
    *,
    paths: Paths,
    http: Callable[[], Http],
    locate: Callable[[Artifact], Location],
    progress: Progress,
    trusted: tuple[str, ...],
    jobs: int,
    force: bool = False,
    stop: threading.Event | None = None,
    fetch: Fetch | None = None,
) -> Outcome:
    """Install a version, unless it exists; `force` reinstalls it and swaps it in.

    Concurrent installs of the same version wait for each other, and all succeed. Setting `stop` ends, with
    KeyboardInterrupt, an installation in a thread. Raises UntrustedScript before anything is downloaded.
    """
    existing = store.get(paths, job.tool, job.version)
    if existing and force:
        _require_no_link(existing)
    if existing and not force:
        return _finish_existing(job, existing, progress)
    _check_trust(job, trusted)
    progress.step(str(job), "waiting")
    with file_locks.file_lock(
        paths,
        store.lock_name(job.tool, job.version),
        lambda: progress.step(str(job), "another envmgr is installing it"),
    ):
        existing = None if force else store.get(paths, job.tool, job.version)
        if existing:  # the previous holder of the lock installed it
            return _finish_existing(job, existing, progress)
        _note_emulation(job, progress)
        installation = _Installation(job, paths, progress, jobs, stop or threading.Event())
        return installation.run(http, locate, fetch or _download())


def _require_no_link(existing: Installed) -> None:
    """Raise InstallError for an installation made elsewhere, which is never replaced."""
    if existing.link:
        raise InstallError(
            f"{existing.tool} {existing.version} is linked to {existing.link}, which is not replaced",
            f"run `envmgr uninstall {existing.tool}@{existing.version}` to remove the link first",
        )


def _note_emulation(job: InstallJob, progress: Progress) -> None:
    emulator = url_hints.emulator(job.artifact.url, job.platform)
    if emulator:
        progress.message(f"{job}: installing the archive for x64, which requires {emulator}")


def _download() -> Fetch:
    from envmgr.install.download.download import download

    return download


def _finish_existing(job: InstallJob, existing: Installed, progress: Progress) -> Outcome:
    outcome = outcome_of_existing(existing, job.artifact)
    progress.done(str(job), "already installed")
    return outcome


def _check_trust(job: InstallJob, trusted: tuple[str, ...]) -> None:
    if job.layout.script is None or job.layout.builtin or job.plugin in trusted:
        return
    raise UntrustedScript(
        f"{job} has an untrusted install script (manifest {job.plugin})",
        f"review it with `envmgr plugin show {job.tool}`, then run `envmgr plugin trust {job.tool}`",
    )


@frozen
class _Installation:
    """An installation in progress; the lock of its version is held."""

    job: InstallJob
    paths: Paths
    progress: Progress
    jobs: int
    stop: threading.Event

    def run(self, http: Callable[[], Http], locate: Callable[[Artifact], Location], fetch: Fetch) -> Outcome:
        """Download, verify and extract, build, write the receipt, and rename into place.

        The archive may be extracted while it is downloaded; nothing more happens before it is verified.
        """
        started = time.monotonic()
        connections = http()
        transfer = Transfer(
            lambda growing: fetch(
                self.job.artifact,
                http=connections,
                paths=self.paths,
                locate=locate,
                progress=self.progress,
                task=str(self.job),
                growing=growing,
            )
        )
        unpacker = Unpacker(self.job, self.progress, self.stop)
        if not unpacker.can_unpack_during(transfer):
            transfer.result(self.stop)
        with staging.directory(self.paths) as staged, storage_errors(self.paths.data):
            tree = unpacker.unpack_during(transfer, staged)
            download = transfer.result(self.stop)
            unpacker.check_stop()
            if self.job.signature:
                self._verify_signature(self.job.signature, download, connections)
            root = self._complete_tree(unpacker, tree, download, staged)
            self._build(root, download, staged)
            self._finish(root, download)
            unpacker.check_stop()
            path = self._publish(root, staged)
        self.progress.done(str(self.job), "installed")
        return Outcome(
            self.job.tool,
            self.job.version,
            path,
            download.url,
            download.sha256,
            download.size,
            seconds=time.monotonic() - started,
            from_cache=download.from_cache,
            already_installed=False,
        )

    def _verify_signature(self, signature: Signature, download: Download, http: Http) -> None:
        from envmgr.install.download import signatures

        task = str(self.job)
        self.progress.step(task, "verifying the signature", download.size)
        signatures.verify(
            signature,
            self.job.artifact,
            download,
            http=http,
            paths=self.paths,
            report=lambda count: self.progress.advance(task, count),
        )

    def _complete_tree(self, unpacker: Unpacker, tree: Tree | None, download: Download, staged: str) -> str:
        """Return the root of the tree with its final names and links, extracted if it was not yet."""
        try:
            tree = tree or unpacker.unpack(download.path, staged)
            tree.rename({**_program_path(self.job), **self.job.layout.rename})
            tree.finish()
        except (BadArchive, UnsafeArchive) as error:
            raise self._with_archive_context(error, download) from error
        return tree.root

    def _with_archive_context(
        self, error: BadArchive | UnsafeArchive, download: Download
    ) -> BadArchive | UnsafeArchive:
        """Return the error with the archive it is about; discard an archive whose content no digest proves."""
        hint = _BAD_ARCHIVE_HINT
        if self.job.artifact.digest is None:
            cache.remove(self.paths, self.job.artifact, download.sha256)
            hint = _DISCARDED_HINT
        return type(error)(
            f"cannot unpack {self.job} from {download.url}: {error.message}", error.hint or hint
        )

    def _build(self, root: str, download: Download, staged: str) -> None:
        """Run the install script, if any.

        ENVMGR_INSTALL_DIR is the staged tree: the script must not write its path into files, since the tree is
        renamed at the end.
        """
        if self.job.layout.script is None:
            return
        from envmgr.install import script

        self.progress.step(str(self.job), "running the install script")
        log = os.path.join(
            self.paths.logs, f"install-{file_name(self.job.tool)}-{file_name(self.job.version)}.log"
        )
        variables = {
            "ENVMGR_VERSION": self.job.version,
            "ENVMGR_INSTALL_DIR": root,
            "ENVMGR_DOWNLOAD_DIR": _expose_archive(download, os.path.join(staged, "download")),
            "ENVMGR_JOBS": str(self.jobs),
        }
        script.run(self.job.layout.script, root, variables, log, self.stop)

    def _finish(self, root: str, download: Download) -> None:
        """Check the programs and write the receipt."""
        self.progress.step(str(self.job), "finishing")
        try:
            bin_dirs = self._prepare_commands(root)
            home = normalize_path(self.job.layout.home, self.job.platform.os)
        except (BadArchive, UnsafeArchive) as error:
            raise self._with_archive_context(error, download) from error
        summary = integrity.write_file_list(root)
        receipt.write(
            root,
            Receipt(
                tool=self.job.tool,
                version=self.job.version,
                url=download.url,
                sha256=download.sha256,
                size=download.size,
                plugin=self.job.plugin,
                platform=self.job.platform.key,
                installed_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                bin_dirs=bin_dirs,
                home=home,
                env=self.job.layout.env,
                files=summary.count,
                bytes=summary.bytes,
                files_digest=summary.digest,
                variants=self.job.layout.variants,
                default_vendor=self.job.layout.default_vendor,
                requires=self.job.layout.requires,
            ),
        )

    def _prepare_commands(self, root: str) -> tuple[str, ...]:
        layout, system = self.job.layout, self.job.platform.os
        bin_dirs = executables.prepare_executables(root, layout, system)
        name = self.job.tool.rpartition(":")[2].rpartition("/")[2]
        return commands.provide_commands(root, layout, bin_dirs, name, system)

    def _publish(self, root: str, staged: str) -> str:
        """Sync the tree and rename it into place; an existing tree is moved away first."""
        fsync.sync(root)
        path = self.paths.install(self.job.tool, self.job.version)
        if os.path.lexists(path):
            replace_tree(path, root, staged)
            self.progress.step(str(self.job), "removing the previous files")
        else:
            rename_into(root, path)
        return path


def replace_tree(path: str, root: str, staged: str) -> None:
    """Rename a tree over another, which is moved into staging.

    After an error, that is moved back.
    """
    old = os.path.join(staged, "old")
    move_tree(path, old)
    try:
        rename_into(root, path)
    except BaseException:
        if not os.path.lexists(path):
            make_dir(os.path.dirname(path))
            move_tree_back(old, path)
        raise


def rename_into(root: str, path: str) -> None:
    """Rename into the tool's directory, which a concurrent uninstall may remove."""
    for attempts_left in (2, 1, 0):
        make_dir(os.path.dirname(path))
        try:
            os.rename(root, path)
        except FileNotFoundError:
            if not attempts_left:
                raise
        else:
            return


def _program_path(job: InstallJob) -> dict[str, str]:
    """Return the path of a single program: the first `bin`, or a file in that directory."""
    if job.layout.format not in url_hints.SINGLE_FILE:
        return {}
    entry = job.layout.bin[0] if job.layout.bin else "."
    name = f"{job.tool}.exe" if job.platform.is_windows else job.tool
    return {formats.PROGRAM: f"{entry}/{name}" if entry == "." or entry.endswith("/") else entry}


def _expose_archive(download: Download, directory: str) -> str:
    """Link the archive, by its own name, into a directory for the install script."""
    import shutil

    os.mkdir(directory)
    name = os.path.join(directory, file_name(download.url.partition("?")[0].rpartition("/")[2]) or "download")
    shutil.copyfile(download.path, name)
    return directory
