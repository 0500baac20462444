"""Checks that the entries of a lock belong together, without network access."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.kit.platform import parse as parse_platform
from envmgr.lockformat.names import key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.lockformat.model import Locked, Lockfile
    from envmgr.resolve.context import Context

HINT = "restore the file from version control, or run `envmgr lock` and review the changes"


def issues(context: Context, lock: Lockfile, wanted: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the locked versions that do not match their request, and the URLs of other versions."""
    for tool, spec in wanted:
        version = lock.version_of(key(tool, spec))
        locked = lock.locked(tool, version) if version else None
        if version is None or locked is None:
            continue
        if not matches(context, tool, spec, version):
            yield f"{tool}={spec}: locked version {version} does not match the request"
        other = other_version(context, tool, version, locked)
        if other:
            yield f"{tool} {version}: the URLs are of version {other}"


def matches(context: Context, tool: str, spec: str, version: str) -> bool:
    """Return whether a version matches a spec; True for words that only a list of releases defines."""
    kind, value = versions.classify(spec)
    manifest = context.catalog.manifest(tool)
    try:
        selection = versions.select(
            (version,),
            value if kind == "tag" else spec,
            variants=manifest.variants,
            default_vendor=manifest.default_vendor,
            include_prerelease=True,
        )
    except ValueError:
        return True
    return selection.winner is not None


def other_version(context: Context, tool: str, version: str, locked: Locked) -> str | None:
    """Return the version that the URLs of a locked version name if all of them are of another one.

    A single URL may be one that the user chose for a platform.
    """
    if locked.plugin != context.catalog.manifest(tool).digest or len(locked.artifacts) == 1:
        return None  # another manifest has other URLs
    named = [
        context.catalog.version_of_url(tool, version, parse_platform(platform), artifact.url)
        for platform, artifact in locked.artifacts.items()
    ]
    others = [name for name in named if name and name != version and versions.compare(name, version) != 0]
    return others[0] if others and len(others) == len(named) else None
