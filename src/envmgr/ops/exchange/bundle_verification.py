"""Verification of a bundle, by its index and its lock, before anything changes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.install.bundle.reader import BundleReader
from envmgr.kit.errors import BadArchive, DigestMismatch, StorageError, UnsafeArchive, UnsupportedPlatform
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import storage_errors
from envmgr.project import dotfile as dotfiles
from envmgr.project import lockfile_io

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

    from envmgr.install.bundle.index import BundleIndex
    from envmgr.lockformat.model import Artifact, Lockfile
    from envmgr.project.dotfile import Dotfile
    from envmgr.resolve.context import Context

INCOMPLETE_HINT = "nothing was installed: create the bundle again"


@frozen
class VerifiedBundle:
    """The verified content of a bundle: its archives for this machine are staged by their digest."""

    index: BundleIndex
    texts: Mapping[str, bytes]
    dotfile: Dotfile
    lock: Lockfile
    artifacts: Mapping[str, Artifact]
    staged: str


def verify_bundle(context: Context, path: str, staged: str) -> VerifiedBundle:
    """Return the content of a bundle; errors name the file."""
    try:
        with open(path, "rb") as file:
            return _read(context, file, staged)
    except (BadArchive, DigestMismatch, UnsafeArchive) as error:
        raise type(error)(f"cannot load {path}: {error.message}", error.hint or INCOMPLETE_HINT) from None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from error


def _read(context: Context, file: BinaryIO, staged: str) -> VerifiedBundle:
    reader = BundleReader(file)
    index = reader.index
    _require_platform(context, index)
    texts = {digest: reader.read_text(digest) for digest in index.text_blobs}
    lock = lockfile_io.parse(decode_text(texts[index.lock]), "the bundle's lock")
    artifacts = _artifacts(context, lock, index)
    required = {index.archives[url] for url in list_urls(context, lock)}
    for digest in index.archive_blobs:
        promised = [artifact for url, artifact in artifacts.items() if index.archives[url] == digest]
        _copy_archive(reader, digest, promised, staged if digest in required else None)
    reader.check_end()
    path = _dotfile_path(context)
    dotfile = dotfiles.parse(dotfiles.decode(texts[index.dotfile], path), path)
    return VerifiedBundle(index, texts, dotfile, lock, artifacts, staged)


def _dotfile_path(context: Context) -> str:
    return os.path.join(context.environment.cwd, dotfiles.NAME)


def _require_platform(context: Context, index: BundleIndex) -> None:
    if context.platform.key not in index.platforms:
        raise UnsupportedPlatform(
            f"the bundle is not for {context.platform.key}, but for {', '.join(index.platforms)}",
            f"create one with `envmgr bundle create FILE --platform {context.platform.key}`",
        )


def list_urls(context: Context, lock: Lockfile) -> list[str]:
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
    missing = sorted({*list_urls(context, lock)} - {*index.archives})
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


def decode_text(content: bytes) -> str:
    """Return the text of a file of the bundle; raise BadArchive if it is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise BadArchive("a file of the bundle is not UTF-8 text", INCOMPLETE_HINT) from None
