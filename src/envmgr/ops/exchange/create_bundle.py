"""Creating a bundle of a locked environment, for machines without a network."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from envmgr.catalog.registry import text_of
from envmgr.catalog.sources.kinds import KINDS
from envmgr.install.bundle import writer
from envmgr.install.bundle.index import BundleIndex
from envmgr.install.bundle.writer import BundleContent
from envmgr.install.download import cache, signatures
from envmgr.install.download.digests import ignore_progress
from envmgr.install.download.download import download
from envmgr.kit.digest import Digest
from envmgr.kit.errors import InvalidRequest, LockOutOfDate, UnsupportedPlatform
from envmgr.kit.file_locks import path_lock
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.fs import read_bytes, replace_file
from envmgr.kit.platform import parse as parse_platform
from envmgr.kit.thread_pool import map_parallel
from envmgr.lockformat.model import EMPTY
from envmgr.lockformat.writer import render
from envmgr.ops.exchange.complete_lock import require_complete_lock
from envmgr.ops.lock import project_file
from envmgr.project import lockfile
from envmgr.resolve import lock_manifests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envmgr.catalog.manifest import Manifest
    from envmgr.install.download.download import Download
    from envmgr.kit.platform import Platform
    from envmgr.lockformat.model import Artifact, Lockfile
    from envmgr.resolve.context import Context

WORKERS = 4


@frozen
class CreatedBundle:
    """A written bundle: its size in bytes, and the number of its tool versions."""

    path: str
    platforms: tuple[str, ...]
    version_count: int
    size: int


@frozen
class _LockedArchive:
    """An archive of the lock for one platform."""

    manifest: Manifest
    version: str
    platform: Platform
    artifact: Artifact

    @property
    def name(self) -> str:
        return f"{self.manifest.name} {self.version}"


@frozen
class _Fetched:
    """A downloaded archive, and its signature if its manifest declares one."""

    archive: _LockedArchive
    download: Download
    signature: bytes | None


def create_bundle(context: Context, path: str, platforms: Sequence[str] = ()) -> CreatedBundle:
    """Write the nearest lock with its archives for some platforms (default: this one) to a file.

    Each archive is downloaded and verified as an installation does. Digests that upstream does not publish are recorded
    in the lock. Raise LockOutOfDate, or UnsupportedPlatform if a tool is not locked for a platform.
    """
    lock_path, lock = require_complete_lock(context)
    dotfile = read_bytes(project_file(context).path) or b""  # before the downloads: it belongs to this lock
    chosen = {item.key: item for item in map(parse_platform, platforms)} or {
        context.platform.key: context.platform
    }
    names = sorted(chosen)
    archives = list(_archives(context, lock_path, lock, [chosen[name] for name in names]))
    fetched = map_parallel(lambda archive: _fetch(context, archive), _distinct(archives), WORKERS)
    lock = _record_digests(context, lock_path, lock, archives, fetched)
    content = _content(dotfile, lock, names, fetched)
    with replace_file(path) as output:
        writer.write(content, output)
    count = sum(map(len, lock.tools.values()))
    return CreatedBundle(path, tuple(names), count, os.path.getsize(path))


def _archives(
    context: Context, path: str, lock: Lockfile, platforms: Sequence[Platform]
) -> Iterator[_LockedArchive]:
    for tool, versions in sorted(lock.tools.items()):
        for version, locked in sorted(versions.items()):
            manifest = lock_manifests.fitting_manifest(context, tool, version, locked)
            if manifest is None:
                raise LockOutOfDate(
                    f"{path} locks {tool} {version} with a manifest that is not here: {locked.plugin}",
                    f"add it with `envmgr plugin add --project {tool} SOURCE`, or run `envmgr lock`",
                )
            for platform in platforms:
                yield _archive(manifest, version, platform, locked.artifacts.get(platform.key))


def _archive(
    manifest: Manifest, version: str, platform: Platform, artifact: Artifact | None
) -> _LockedArchive:
    if artifact is None:
        raise UnsupportedPlatform(
            f"{manifest.name} {version} is not locked for {platform.key}",
            f"run `envmgr lock --platform {platform.key}`, or choose other platforms",
        )
    _require_own_layout(manifest, version, platform)
    return _LockedArchive(manifest, version, platform, artifact)


def _require_own_layout(manifest: Manifest, version: str, platform: Platform) -> None:
    """Raise InvalidRequest if only the registry lists the commands of a package."""
    kind = KINDS[manifest.kind]
    layout = manifest.layout(version, version, platform, "package.tgz") if kind.has_layout else None
    if layout and kind.provides_bins and not (layout.bin or layout.links):
        raise InvalidRequest(
            f"{manifest.name} cannot be bundled: its registry must be asked for its commands",
            f"add a manifest that names them in `bin`: `envmgr plugin add --project {manifest.name} SOURCE`",
        )


def _distinct(archives: Sequence[_LockedArchive]) -> list[_LockedArchive]:
    """Return each file only once, although several platforms may share it."""
    return list({archive.artifact.url: archive for archive in archives}.values())


def _fetch(context: Context, archive: _LockedArchive) -> _Fetched:
    task = f"{archive.name} for {archive.platform.key}"
    result = download(
        archive.artifact,
        http=context.http,
        paths=context.paths,
        locate=context.catalog.locate,
        progress=context.progress,
        task=task,
    )
    signature = _fetch_signature(context, archive, result)
    context.progress.done(task, "downloaded")
    return _Fetched(archive, result, signature)


def _fetch_signature(context: Context, archive: _LockedArchive, result: Download) -> bytes | None:
    """Return the signature of an archive after verifying it; None if its manifest declares none."""
    signature = archive.manifest.signature(archive.version, archive.platform, archive.artifact.url)
    if signature is None:
        return None
    signatures.verify(
        signature,
        archive.artifact,
        result,
        http=context.http,
        paths=context.paths,
        report=ignore_progress,
    )
    return read_bytes(cache.signature_of(context.paths, result.sha256), signatures.LIMIT)


def _record_digests(
    context: Context,
    path: str,
    lock: Lockfile,
    archives: Sequence[_LockedArchive],
    fetched: Sequence[_Fetched],
) -> Lockfile:
    """Return the lock with the digests that upstream does not publish, after adding them to the file."""
    by_url = {item.archive.artifact.url: item.download for item in fetched}
    recorded = _with_digests(lock, archives, by_url)
    if recorded != lock:
        with path_lock(context.paths, path):
            # the file may have changed during the downloads: only digests that are still missing are added
            current = context.locks.reload(path) or EMPTY
            updated = _with_digests(current, archives, by_url)
            if updated != current:
                context.locks.write(path, updated)
    return recorded


def _with_digests(
    lock: Lockfile, archives: Sequence[_LockedArchive], by_url: Mapping[str, Download]
) -> Lockfile:
    """Return a lock with the digests of those of the archives that it has without one."""
    for archive in archives:
        if _is_without_digest(lock, archive):
            result = by_url[archive.artifact.url]
            digest = archive.artifact.digest or Digest("sha256", result.sha256)
            lock = lockfile.record_digest(
                lock, archive.manifest.name, archive.version, archive.platform.key, digest, result.size
            )
    return lock


def _is_without_digest(lock: Lockfile, archive: _LockedArchive) -> bool:
    """Return whether a lock has an archive, with its URL, and no digest of it."""
    locked = lock.find(archive.manifest.name, archive.version)
    artifact = locked.artifacts.get(archive.platform.key) if locked else None
    return artifact is not None and artifact.url == archive.artifact.url and artifact.digest is None


def _content(
    dotfile: bytes, lock: Lockfile, platforms: Sequence[str], fetched: Sequence[_Fetched]
) -> BundleContent:
    manifests = {item.archive.manifest.name: _manifest_text(item.archive.manifest) for item in fetched}
    lock_text = render(lock).encode()
    manifest_texts = {tool: text for tool, text in manifests.items() if text is not None}
    signed = {item.download.sha256: item.signature for item in fetched if item.signature is not None}
    texts = {_sha256(text): text for text in (dotfile, lock_text, *manifest_texts.values(), *signed.values())}
    archives = {item.download.sha256: item.download for item in fetched}
    index = BundleIndex(
        tuple(platforms),
        _sha256(dotfile),
        _sha256(lock_text),
        {item.archive.artifact.url: item.download.sha256 for item in fetched},
        {tool: _sha256(text) for tool, text in manifest_texts.items()},
        {digest: _sha256(text) for digest, text in signed.items()},
        {},
    )
    sizes = {name: len(texts[name]) for name in index.text_blobs}
    sizes |= {name: archives[name].size for name in index.archive_blobs}
    return BundleContent(
        replace(index, sizes=sizes), texts, {name: archives[name].path for name in index.archive_blobs}
    )


def _manifest_text(manifest: Manifest) -> bytes | None:
    """Return the text of a manifest's file; None for a package without one."""
    text = text_of(manifest)
    return None if text is None else text.encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
