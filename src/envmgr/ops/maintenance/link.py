"""Linking installations that were made elsewhere."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.catalog.sources.kinds import KINDS
from envmgr.install import integrity, receipt, staging, store
from envmgr.install.installer import rename_into, replace_tree
from envmgr.install.receipt import Receipt
from envmgr.kit.errors import InstallError, UsageError
from envmgr.kit.file_locks import file_lock
from envmgr.kit.fs import storage_errors
from envmgr.ops import reshim
from envmgr.resolve import canonical_names
from envmgr.resolve.active import bin_dirs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.catalog.manifest import Manifest
    from envmgr.install.store import Installed
    from envmgr.resolve.context import Context

_SYSTEM_DIRECTORIES = tuple(
    os.path.join(root, name) for root in ("/", "/usr", "/usr/local") for name in ("", "bin", "sbin")
)


def link(context: Context, tool: str, version: str, directory: str) -> Installed:
    """Record a directory as an installed version and write its shims; nothing in it is changed.

    A link to another directory is replaced. Raise InstallError for a version that is there and no link, and for a
    directory that does not exist, has no programs, or has those of the system or of envmgr.
    """
    name = canonical_names.require_name(context, tool)
    if not versions.is_folder_name(version) or not versions.is_exact(version):
        raise UsageError(f"{version!r} is not a full version", f"for example: envmgr link {name} 1.2.3 DIR")
    _check_directory(context, name, directory)
    new_receipt = _receipt(context.catalog.manifest(name), version, directory, context)
    with file_lock(context.paths, store.lock_name(name, version)):
        _require_replaceable(context.paths.install(name, version), f"{name} {version}", f"{name}@{version}")
        _publish(context, new_receipt)
    reshim.reshim(context)
    installed = store.get(context.paths, name, version)
    if installed is None:
        raise InstallError(f"{name} {version} was removed meanwhile", "retry")
    return installed


def _check_directory(context: Context, tool: str, directory: str) -> None:
    if not os.path.isdir(directory):
        raise InstallError(f"directory {directory} not found", "pass the directory of an installation")
    bin_dirs = bin_dirs_of(directory)
    for managed in (context.paths.installs, context.paths.shims):
        if any(
            is_inside(os.path.realpath(path), os.path.realpath(managed)) for path in (directory, *bin_dirs)
        ):
            raise InstallError(
                f"{directory} has programs of envmgr in {managed}", "pass a directory outside of it"
            )
    _require_own_programs(context, tool, directory)
    if not store.programs(bin_dirs):
        raise InstallError(
            f"no program found in {directory} or its `bin`", "pass the directory of an installation"
        )


def is_inside(path: str, directory: str, kind: type[PurePath] = PurePath) -> bool:
    """Return whether a path is a directory or below it; on Windows, they may be on different drives."""
    return kind(path).is_relative_to(directory)


def _require_own_programs(context: Context, tool: str, directory: str) -> None:
    """Raise InstallError for programs of many tools: each would get a shim."""
    shared = _canonical_paths([*_SYSTEM_DIRECTORIES, *_path_entries(context)])
    shared_dirs = [path for path in bin_dirs_of(directory) if not shared.isdisjoint(_canonical_paths([path]))]
    if shared_dirs:
        raise InstallError(
            f"{directory} is not the directory of one tool: the system's programs are in {shared_dirs[0]}",
            f"request the system's program as `{tool}=system`: `envmgr use {tool} system`",
        )


def _path_entries(context: Context) -> Iterator[str]:
    """Yield the directories on PATH, without those of links, which an activated shell adds."""
    linked = [installed for installed in store.all_installed(context.paths) if installed.link]
    link_dirs = _canonical_paths(path for installed in linked for path in installed.bin_dirs)
    for entry in context.environment.get("PATH").split(os.pathsep):
        if os.path.isabs(entry) and link_dirs.isdisjoint(_canonical_paths([entry])):
            yield entry


def _canonical_paths(paths: Iterable[str]) -> frozenset[str]:
    """Return paths such that those of the same directory are equal."""
    return frozenset(os.path.normcase(os.path.realpath(path)) for path in paths)


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
        home=_home(directory, layout.home if layout else ""),
        env=layout.env if layout else {},
        files=0,
        bytes=0,
        files_digest="",
        variants=manifest.variants,
        default_vendor=manifest.default_vendor,
        requires=manifest.requires,
        link=directory,
    )


def _home(directory: str, relative: str) -> str:
    """Return the home in a directory, or the directory if it is the home itself."""
    inside = os.path.join(directory, relative)
    return os.path.normpath(inside if os.path.isdir(inside) else directory)


def _require_replaceable(path: str, name: str, spec: str) -> None:
    """Raise InstallError unless a path is free or a link with a readable receipt."""
    existing = receipt.read(path)
    if not os.path.lexists(path) or (existing and existing.link):
        return
    if existing:
        raise InstallError(f"{name} is already installed in {path}", f"run `envmgr uninstall {spec}` first")
    raise InstallError(
        f"{path} exists, and its receipt cannot be read",
        "update envmgr, or move the directory away, then retry",
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
            replace_tree(path, root, staged)
        else:
            rename_into(root, path)
