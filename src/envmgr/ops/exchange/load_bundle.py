"""Installing from a bundle, without a network."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from envmgr.catalog import manifest_reader
from envmgr.catalog.registry import PROJECT_DIRECTORY, text_of
from envmgr.install import staging
from envmgr.install.bundle.reader import BundleReader
from envmgr.install.download import cache
from envmgr.kit.environment import Environment
from envmgr.kit.errors import (
    BadArchive,
    DigestMismatch,
    ProjectError,
    StorageError,
    UnsafeArchive,
    UnsupportedPlatform,
)
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import make_dir, read_bytes, storage_errors, write_atomic, write_in_place
from envmgr.kit.paths import file_name
from envmgr.ops import install
from envmgr.project import dotfile as dotfiles
from envmgr.project import lockfile_io
from envmgr.project.discovery import CEILING
from envmgr.resolve import install_plan, lock_manifests, lock_update
from envmgr.resolve.context import Context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

    from envmgr.install.bundle.index import BundleIndex
    from envmgr.lockformat.model import Artifact, Lockfile
    from envmgr.ops.install import InstallResult
    from envmgr.project.dotfile import Dotfile

_INCOMPLETE_HINT = "nothing was installed: create the bundle again"


@frozen
class LoadedBundle:
    """The project's files, those of them that were written, and what was installed."""

    files: tuple[str, ...]
    changed: tuple[str, ...]
    result: InstallResult


@frozen
class _Verified:
    """The verified content of a bundle: its archives for this machine are staged by their digest."""

    index: BundleIndex
    texts: Mapping[str, bytes]
    dotfile: Dotfile
    lock: Lockfile
    artifacts: Mapping[str, Artifact]
    staged: str


def load_bundle(context: Context, path: str, *, force: bool) -> LoadedBundle:
    """Install a bundle and write its project files to the working directory.

    Everything is verified before anything is changed: each archive against the bundle's index and its lock. Raise
    ProjectError if other files of the project exist, unless `force` is set. Network access must be off.
    """
    with staging.directory(context.paths) as staged:
        verified = _verify(context, path, staged)
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


def _verify(context: Context, path: str, staged: str) -> _Verified:
    """Return the content of a bundle; errors name the file."""
    try:
        with open(path, "rb") as file:
            return _read(context, file, staged)
    except (BadArchive, DigestMismatch, UnsafeArchive) as error:
        raise type(error)(f"cannot load {path}: {error.message}", error.hint or _INCOMPLETE_HINT) from None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from error


def _read(context: Context, file: BinaryIO, staged: str) -> _Verified:
    reader = BundleReader(file)
    index = reader.index
    _require_platform(context, index)
    texts = {digest: reader.read_text(digest) for digest in index.texts}
    lock = lockfile_io.parse(_decode(texts[index.lock]), "the bundle's lock")
    artifacts = _artifacts(context, lock, index)
    required = {index.archives[url] for url in _urls_for(context, lock)}
    for digest in index.archive_blobs:
        promised = [artifact for url, artifact in artifacts.items() if index.archives[url] == digest]
        _copy_archive(reader, digest, promised, staged if digest in required else None)
    reader.check_end()
    path = _dotfile_path(context)
    dotfile = dotfiles.parse(dotfiles.decode(texts[index.dotfile], path), path)
    return _Verified(index, texts, dotfile, lock, artifacts, staged)


def _dotfile_path(context: Context) -> str:
    return os.path.join(context.environment.cwd, dotfiles.NAME)


def _require_platform(context: Context, index: BundleIndex) -> None:
    if context.platform.key not in index.platforms:
        raise UnsupportedPlatform(
            f"the bundle is not for {context.platform.key}, but for {', '.join(index.platforms)}",
            f"create one with `envmgr bundle create FILE --platform {context.platform.key}`",
        )


def _urls_for(context: Context, lock: Lockfile) -> list[str]:
    """Return the URLs of this machine's archives; raise BadArchive if one is not locked."""
    urls = []
    for tool, versions in lock.tools.items():
        for version, locked in versions.items():
            artifact = locked.artifacts.get(context.platform.key)
            if artifact is None:
                raise BadArchive(f"its lock has no {tool} {version} for {context.platform.key}")
            urls.append(artifact.url)
    return urls


def _artifacts(context: Context, lock: Lockfile, index: BundleIndex) -> dict[str, Artifact]:
    """Return the locked archives of a bundle by URL; raise BadArchive if it has others, or lacks one."""
    locked = {
        artifact.url: artifact
        for versions in lock.tools.values()
        for entry in versions.values()
        for artifact in entry.artifacts.values()
    }
    others = sorted({*index.archives} - {*locked})
    missing = sorted({*_urls_for(context, lock)} - {*index.archives})
    unproven = sorted(url for url in index.archives if url in locked and locked[url].digest is None)
    for urls, problem in (
        (others, "is not in its lock"),
        (missing, "is missing"),
        (unproven, "has no digest in its lock"),
    ):
        if urls:
            raise BadArchive(f"{urls[0]} {problem}")
    return {url: locked[url] for url in index.archives}


def _copy_archive(
    reader: BundleReader, digest: str, promised: Sequence[Artifact], staged: str | None
) -> None:
    """Compare an archive with the lock, and stage it if it is for this machine."""
    algorithms = [artifact.digest.algorithm for artifact in promised if artifact.digest]
    if staged is None:
        digests = reader.copy_blob(digest, algorithms, len)
    else:
        with storage_errors(staged), open(os.path.join(staged, digest), "xb") as output:
            digests = reader.copy_blob(digest, algorithms, output.write)
    for artifact in promised:
        expected = artifact.digest
        if expected is None or digests[expected.algorithm] != expected.value:
            raise DigestMismatch(
                f"digest mismatch for {artifact.url}\n  locked {expected}\n  got    sha256:{digest}",
                "nothing was installed: the bundle was changed; create it again",
            )


def _decode(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise BadArchive("a file of the bundle is not UTF-8 text", _INCOMPLETE_HINT) from None


def _project_files(context: Context, verified: _Verified) -> dict[str, bytes]:
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


def _check_plan(context: Context, verified: _Verified, files: Mapping[str, bytes]) -> None:
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
    differences = lock_update.differences(lock, dotfile)
    if differences:
        raise BadArchive(f"the bundle's lock is out of date: {differences[0]}", _INCOMPLETE_HINT)


def _missing_manifests(context: Context, verified: _Verified) -> dict[str, bytes]:
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
            manifest = manifest_reader.read(_decode(texts[tool]), f"{tool}.json", False)
            if manifest.name != tool or any(manifest.digest != locked.plugin for locked in versions.values()):
                raise BadArchive(
                    f"the bundle's manifest of {tool} is not the one of its lock", _INCOMPLETE_HINT
                )
    return texts


def _require_no_conflict(files: Mapping[str, bytes]) -> None:
    different = [path for path, content in files.items() if read_bytes(path) not in {None, content}]
    if different:
        raise ProjectError(
            "\n  ".join(["files of another project exist here", *different]),
            "use another directory (-C DIR), or pass --force to overwrite them",
        )


def _fill_cache(context: Context, verified: _Verified) -> None:
    """Move the archives and signatures of this machine into the cache, from where they are installed."""
    for url in _urls_for(context, verified.lock):
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
