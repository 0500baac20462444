"""Manifests that a lock was made with, compared with those that envmgr has here."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from envmgr.catalog import url_versions
from envmgr.kit.errors import CatalogError, LockOutOfDate
from envmgr.kit.platform import parse as parse_platform
from envmgr.project import lockfile
from envmgr.project.lockfile_io import path_beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.release import Signature
    from envmgr.lockformat.model import Locked
    from envmgr.project.dotfile import Dotfile
    from envmgr.project.request import Request
    from envmgr.resolve.context import Context
    from envmgr.resolve.lock_update import Pin

_OWN_SCOPES = frozenset({"project", "user"})


def mismatches(context: Context, tool: str, version: str, locked: Locked) -> Iterator[tuple[str, str]]:
    """Yield the difference and the remedy if a version was locked with another manifest.

    The built-in manifest of another version of envmgr is accepted if it has the locked URLs. Raise LockfileError if the
    manifest has them and declares a weaker signature.
    """
    manifest = context.catalog.manifest(tool)
    if locked.plugin == manifest.digest:
        return
    has_urls = _has_urls(manifest, version, locked)
    if has_urls:
        check_signature(context, tool, version, locked)
    if not has_urls or context.registry.scope(manifest) in _OWN_SCOPES:
        yield _mismatch(context, manifest, version, locked)


def fitting_manifest(context: Context, tool: str, version: str, locked: Locked) -> Manifest | None:
    """Return the manifest that a version was locked with; None if another is here, or none.

    The built-in manifest of another version of envmgr is accepted if it has the locked URLs.
    """
    try:
        manifest = context.catalog.manifest(tool)
    except CatalogError:
        return None
    is_own = context.registry.scope(manifest) in _OWN_SCOPES
    has_same_urls = not is_own and _has_urls(manifest, version, locked)
    return manifest if locked.plugin == manifest.digest or has_same_urls else None


def check_signature(context: Context, tool: str, version: str, locked: Locked) -> Signature | None:
    """Return the signature to verify here; raise LockfileError if it is weaker than the locked one."""
    platform = context.platform.key
    signature = context.catalog.signature(tool, version, context.platform, locked.artifacts[platform].url)
    lockfile.check_signature(
        locked.signatures.get(platform),
        signature.lock_fields if signature else None,
        f"{tool} {version} for {platform}",
    )
    return signature


def require_fitting(context: Context, path: str, pin: Pin) -> None:
    """Raise LockOutOfDate if the manifest here has none of the URLs that were locked with another one."""
    manifest = context.catalog.manifest(pin.tool)
    if pin.locked.plugin == manifest.digest or not _is_foreign(manifest, pin.version, pin.locked):
        return
    message, hint = _mismatch(context, manifest, pin.version, pin.locked)
    raise LockOutOfDate(f"{path} {message}", hint)


def missing_manifest(context: Context, request: Request) -> tuple[str, str] | None:
    """Return the problem and the remedy if a request was locked with a manifest that is not here."""
    path = context.project.lock_of(request)
    lock = context.locks.lock(path) if path else None
    versions = lock.tools.get(request.tool) if lock else None
    if not versions:
        return None
    locked = "; ".join(
        f"{version} with the manifest {versions[version].plugin}" for version in sorted(versions)
    )
    return f"unknown tool {request.tool!r}, although {path} locks {locked}, which is not here", (
        f"where the lock was made, run `envmgr plugin add --project {request.tool} SOURCE` and commit the file that it "
        f"writes, or add the same manifest here with `envmgr plugin add {request.tool} SOURCE`"
    )


def warn_of_own_manifests(context: Context, dotfile: Dotfile, pins: Iterable[Pin]) -> None:
    """Print a warning for each tool of a project that is locked with the user's own manifest."""
    if dotfile.is_global:
        return
    for tool in dict.fromkeys(pin.tool for pin in pins):
        manifest = context.catalog.manifest(tool)
        if context.registry.scope(manifest) == "user":
            context.progress.message(
                f"warning: {path_beside(dotfile.path)} is made with your own manifest of {tool}, which other users "
                f"do not have: run `envmgr plugin add --project {tool} {shlex.quote(manifest.origin)}`"
            )


def _has_urls(manifest: Manifest, version: str, locked: Locked) -> bool:
    """Return whether the manifest has one of the locked URLs; the others may be the user's choice."""
    return any(
        url_versions.version_of_url(manifest, version, parse_platform(platform), artifact.url)
        for platform, artifact in locked.artifacts.items()
    )


def _is_foreign(manifest: Manifest, version: str, locked: Locked) -> bool:
    """Return whether the manifest, which knows its URLs without a list, has none of the locked ones."""
    can_name = any(
        not url_versions.has_listed_urls(manifest, version, parse_platform(platform))
        for platform in locked.artifacts
    )
    return can_name and not _has_urls(manifest, version, locked)


def _mismatch(context: Context, manifest: Manifest, version: str, locked: Locked) -> tuple[str, str]:
    scope = context.registry.scope(manifest)
    subject = f"the {scope} manifest {manifest.origin}" if scope in _OWN_SCOPES else f"the {scope} manifest"
    message = f"locks {manifest.name} {version} with the manifest {locked.plugin}, but {subject} is {manifest.digest}"
    return message, (
        f"add the manifest that the lock was made with (`envmgr plugin add --project {manifest.name} SOURCE`), "
        f"or run `envmgr lock` and review the changes{_choice_hint(manifest.name, version, locked)}"
    )


def _choice_hint(tool: str, version: str, locked: Locked) -> str:
    """Return the remedy for a single archive, which may be one that a user chose by its URL."""
    if len(locked.artifacts) > 1:
        return ""
    (artifact,) = locked.artifacts.values()
    return f"; if you chose the archive yourself, run `envmgr install {tool} {version} {shlex.quote(artifact.url)}`"
