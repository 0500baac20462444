"""Linking installations that were made elsewhere."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.catalog.sources.kinds import KINDS
from envmgr.install import integrity, receipt, staging, store
from envmgr.install.installer import rename_into
from envmgr.install.receipt import Receipt
from envmgr.kit.errors import InstallError, UsageError
from envmgr.kit.file_locks import file_lock
from envmgr.kit.fs import storage_errors
from envmgr.ops import reshim
from envmgr.resolve import canonical_names
from envmgr.resolve.active import bin_dirs_of

if TYPE_CHECKING:
    from envmgr.catalog.manifest import Manifest
    from envmgr.install.store import Installed
    from envmgr.resolve.context import Context


def link(context: Context, tool: str, version: str, directory: str) -> Installed:
    """Record a directory as an installed version and write its shims; nothing in it is changed.

    A link to another directory is replaced. Raise InstallError for a version that envmgr installed, and for a directory
    that does not exist or has no programs.
    """
    name = canonical_names.require_name(context, tool)
    if not versions.is_folder_name(version) or not versions.is_exact(version):
        raise UsageError(f"{version!r} is not a full version", f"for example: envmgr link {name} 1.2.3 DIR")
    _check_directory(context, directory)
    new_receipt = _receipt(context.catalog.manifest(name), version, directory, context)
    with file_lock(context.paths, store.lock_name(name, version)):
        _require_replaceable(store.get(context.paths, name, version))
        _publish(context, new_receipt)
    reshim.reshim(context)
    installed = store.get(context.paths, name, version)
    if installed is None:
        raise InstallError(f"{name} {version} was removed meanwhile", "retry")
    return installed


def _check_directory(context: Context, directory: str) -> None:
    if not os.path.isdir(directory):
        raise InstallError(f"directory {directory} not found", "pass the directory of an installation")
    real, installs = os.path.realpath(directory), os.path.realpath(context.paths.installs)
    if os.path.commonpath([real, installs]) == installs:
        raise InstallError(f"{directory} is an installation of envmgr", "pass a directory outside of it")
    if not store.programs(bin_dirs_of(directory)):
        raise InstallError(
            f"no program found in {directory} or its `bin`", "pass the directory of an installation"
        )


def _receipt(manifest: Manifest, version: str, directory: str, context: Context) -> Receipt:
    has_layout = KINDS[manifest.kind].has_layout
    layout = None if has_layout else manifest.layout(version, None, context.platform, "archive.tar.gz")
    return Receipt(
        tool=manifest.name,
        version=version,
        url="",
        sha256="",
        size=0,
        plugin=manifest.digest,
        platform=context.platform.key,
        installed_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        bin_dirs=bin_dirs_of(directory),
        home=os.path.normpath(os.path.join(directory, layout.home if layout else "")),
        env=layout.env if layout else {},
        files=0,
        bytes=0,
        files_digest="",
        variants=manifest.variants,
        default_vendor=manifest.default_vendor,
        link=directory,
    )


def _require_replaceable(existing: Installed | None) -> None:
    if existing and not existing.link:
        raise InstallError(
            f"{existing.tool} {existing.version} is already installed in {existing.path}",
            f"run `envmgr uninstall {existing.tool}@{existing.version}` first",
        )


def _publish(context: Context, new_receipt: Receipt) -> None:
    """Write the receipt into a tree of its own, and rename that into the store."""
    from envmgr.kit.frozen import replace

    path = context.paths.install(new_receipt.tool, new_receipt.version)
    with staging.directory(context.paths) as staged, storage_errors(context.paths.data):
        root = os.path.join(staged, "tree")
        os.mkdir(root)
        summary = integrity.write_file_list(root)
        receipt.write(
            root,
            replace(new_receipt, files=summary.count, bytes=summary.bytes, files_digest=summary.digest),
        )
        if os.path.lexists(path):
            os.rename(path, os.path.join(staged, "old"))
        rename_into(root, path)
