"""Checks that the entries of a lock belong together, without network access."""

from __future__ import annotations

from envmgr import versions
from envmgr.install import store
from envmgr.kit.platform import parse as parse_platform
from envmgr.lockformat.names import key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.kit.platform import Platform
    from envmgr.lockformat.model import Locked, Lockfile
    from envmgr.resolve.context import Context

HINT = "restore the file from version control, or run `envmgr lock` and review the changes"


def find_inconsistencies(
    context: Context, lock: Lockfile, requests: Sequence[tuple[str, str]]
) -> Iterator[str]:
    """Yield the locked versions that do not match their request, and the URLs of other versions."""
    for tool, spec in requests:
        version = lock.version_of(key(tool, spec))
        locked = lock.find(tool, version) if version else None
        if version is None or locked is None:
            continue
        if not is_satisfied(context, tool, spec, version):
            yield f"{tool}={spec}: locked version {version} does not match the request"
        yield from _url_issues(context, tool, version, locked)


def _url_issues(context: Context, tool: str, version: str, locked: Locked) -> Iterator[str]:
    others = other_versions(context, tool, version, locked)
    if others and len(others) == len(locked.artifacts):
        yield f"{tool} {version}: the URLs are of version {next(iter(others.values()))}"
        return
    for platform, other in sorted(others.items()):
        yield f"{tool} {version}: the URL for {platform} is of version {other}"


def is_satisfied(context: Context, tool: str, spec: str, version: str) -> bool:
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


def other_versions(context: Context, tool: str, version: str, locked: Locked) -> dict[str, str]:
    """Return, by platform, the other versions whose archives the URLs of a locked version are.

    Where that is uncertain for a URL alone, all URLs of several platforms must be of other versions.
    """
    if locked.plugin != context.catalog.manifest(tool).digest:
        return {}  # another manifest has other URLs
    others = {
        platform: other
        for platform, artifact in locked.artifacts.items()
        if (other := other_version_of_url(context, tool, version, parse_platform(platform), artifact.url))
    }
    if context.catalog.is_version_certain(tool):
        return others
    return others if len(others) == len(locked.artifacts) > 1 else {}


def other_version_of_url(
    context: Context, tool: str, version: str, platform: Platform, url: str
) -> str | None:
    """Return the other version whose archive a URL is, without network access; None if it may be right.

    Lists are read only for an archive that this machine would install.
    """
    url_version = context.catalog.version_of_url(tool, version, platform, url)
    if url_version is None and platform == context.platform and not store.get(context.paths, tool, version):
        url_version = context.catalog.version_by_cached_list(tool, version, platform, url)
    is_same = url_version is None or url_version == version or versions.compare(url_version, version) == 0
    return None if is_same else url_version
