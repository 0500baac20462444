"""Installing from a bundle, without a network."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from envmgr.catalog import manifest_reader
from envmgr.catalog.registry import PROJECT_DIRECTORY, text_of
from envmgr.install import staging
from envmgr.install.download import cache
from envmgr.kit.environment import Environment
from envmgr.kit.errors import BadArchive, ProjectError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import make_dir, read_bytes, storage_errors, write_atomic, write_in_place
from envmgr.kit.paths import file_name
from envmgr.ops import install
from envmgr.ops.exchange.bundle_verification import (
    INCOMPLETE_HINT,
    VerifiedBundle,
    decode_text,
    list_urls,
    verify_bundle,
)
from envmgr.project import lock_differences, lockfile_io
from envmgr.project.discovery import CEILING
from envmgr.resolve import install_plan, lock_manifests
from envmgr.resolve.context import Context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.lockformat.model import Lockfile
    from envmgr.ops.install import InstallResult
    from envmgr.project.dotfile import Dotfile


@frozen
class LoadedBundle:
    """The project's files, those of them that were written, and what was installed."""

    files: tuple[str, ...]
    changed: tuple[str, ...]
    result: InstallResult


def load_bundle(context: Context, path: str, *, force: bool) -> LoadedBundle:
    """Install a bundle and write its project files to the working directory.

    Everything is verified before anything is changed: each archive against the bundle's index and its lock. Raise
    ProjectError if other files of the project exist, unless `force` is set. Network access must be off.
    """
    with staging.directory(context.paths) as staged:
        verified = verify_bundle(context, path, staged)
        files = _project_files(context, verified)
        _check_plan(context, verified, files)
        if not force:
            _require_no_conflict(files)
        _fill_cache(context, verified)
        changed = tuple(name for name, content in files.items() if write_in_place(name, content))
    context.forget_project()
    context.forget_manifests()
    options = install_plan.Options(locked=True)
    # what other files and variables request is not in the bundle, and cannot be downloaded
    steps = install_plan.plan_requests(context, verified.dotfile.entries, options)
    return LoadedBundle(tuple(files), changed, install.run(context, steps, options))


def _project_files(context: Context, verified: VerifiedBundle) -> dict[str, bytes]:
    """Return the project's files by path: missing manifests, the dotfile, the lock."""
    _require_locked(verified.dotfile, verified.lock)
    path = verified.dotfile.path
    return {
        **{
            os.path.join(context.environment.cwd, PROJECT_DIRECTORY, f"{file_name(tool)}.json"): text
            for tool, text in _missing_manifests(context, verified).items()
        },
        path: verified.texts[verified.index.dotfile],
        lockfile_io.path_beside(path): verified.texts[verified.index.lock],
    }


def _check_plan(context: Context, verified: VerifiedBundle, files: Mapping[str, bytes]) -> None:
    """Raise what planning the installation would raise, without the project's files.

    They are written to a directory of their own, with the project's manifests that the lock is for.
    """
    directory = os.path.join(verified.staged, "project")
    texts = {**_project_manifests(context, verified.lock), **files}
    for path, content in texts.items():
        staged = os.path.join(directory, os.path.relpath(path, context.environment.cwd))
        make_dir(os.path.dirname(staged))
        write_atomic(staged, content)
    staged_context = Context(
        Environment({**context.environment.variables, CEILING: directory}, directory),
        context.paths,
        context.platform,
        flags=context.flags,
    )
    install_plan.check_locked(staged_context, verified.dotfile.entries, verified.lock, "the bundle's lock")


def _project_manifests(context: Context, lock: Lockfile) -> dict[str, bytes]:
    """Return the texts of the locked tools' manifests that are the project's, by path."""
    texts = {}
    for tool, versions in lock.tools.items():
        for version, locked in versions.items():
            manifest = lock_manifests.fitting_manifest(context, tool, version, locked)
            text = text_of(manifest) if manifest else None
            if manifest and text is not None and context.registry.scope(manifest) == "project":
                path = os.path.join(context.environment.cwd, PROJECT_DIRECTORY, f"{file_name(tool)}.json")
                texts[path] = text.encode()
    return texts


def _require_locked(dotfile: Dotfile, lock: Lockfile) -> None:
    differences = lock_differences.differences(lock, dotfile)
    if differences:
        raise BadArchive(f"the bundle's lock is out of date: {differences[0]}", INCOMPLETE_HINT)


def _missing_manifests(context: Context, verified: VerifiedBundle) -> dict[str, bytes]:
    """Return the texts of the manifests that this machine lacks or has another one of."""
    texts: dict[str, bytes] = {}
    for tool, versions in verified.lock.tools.items():
        digest = verified.index.manifests.get(tool)
        is_here = all(
            lock_manifests.fitting_manifest(context, tool, version, locked) is not None
            for version, locked in versions.items()
        )
        if digest and not is_here:
            texts[tool] = verified.texts[digest]
            manifest = manifest_reader.read(decode_text(texts[tool]), f"{tool}.json", False)
            if manifest.name != tool or any(manifest.digest != locked.plugin for locked in versions.values()):
                raise BadArchive(
                    f"the bundle's manifest of {tool} is not the one of its lock", INCOMPLETE_HINT
                )
    return texts


def _require_no_conflict(files: Mapping[str, bytes]) -> None:
    different = [path for path, content in files.items() if read_bytes(path) not in {None, content}]
    if different:
        raise ProjectError(
            "\n  ".join(["files of another project exist here", *different]),
            "use another directory (-C DIR), or pass --force to overwrite them",
        )


def _fill_cache(context: Context, verified: VerifiedBundle) -> None:
    """Move the archives and signatures of this machine into the cache, from where they are installed."""
    for url in list_urls(context, verified.lock):
        digest = verified.index.archives[url]
        staged, target = os.path.join(verified.staged, digest), cache.path_of(context.paths, digest)
        if os.path.isfile(staged):  # several tools may have one archive
            make_dir(os.path.dirname(target))
            with storage_errors(context.paths.downloads):
                shutil.move(staged, target)
        cache.record_digest(context.paths, verified.artifacts[url], digest)
        signature = verified.index.signatures.get(digest)
        if signature:
            write_atomic(cache.signature_of(context.paths, digest), verified.texts[signature])
