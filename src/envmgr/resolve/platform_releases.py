"""Selection of the newest release that has an archive for the platforms that require one."""

from __future__ import annotations

from envmgr.kit.errors import AmbiguousAsset
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.kit.platform import Platform
    from envmgr.resolve.context import Context

MAX_RELEASES_CHECKED = 20


@frozen
class AvailableRelease:
    """The selected version, and newer ones that match but lack an archive for `platforms`."""

    version: str
    passed_over: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()


def newest_available(
    context: Context, tool: str, candidates: Sequence[str], required: Sequence[Platform]
) -> AvailableRelease:
    """Return the newest candidate with an archive for all required platforms, else the newest.

    Candidates come newest first; `MAX_RELEASES_CHECKED` of them are checked. A platform that none of them supports
    does not exclude a release.
    """
    newest, checked = candidates[0], candidates[:MAX_RELEASES_CHECKED]
    missing = [platform for platform in required if not _has_archive(context, tool, newest, platform)]
    unsupported = [
        platform
        for platform in missing
        if not any(_has_archive(context, tool, version, platform) for version in checked[1:])
    ]
    decisive = [platform for platform in missing if platform not in unsupported]
    if not decisive:
        return AvailableRelease(newest)
    supported = [platform for platform in required if platform not in unsupported]
    for platforms in _requirements(supported, [item for item in decisive if item == context.platform]):
        for count, version in enumerate(checked[1:], start=1):
            if all(_has_archive(context, tool, version, platform) for platform in platforms):
                keys = tuple(platform.key for platform in decisive)
                return AvailableRelease(version, tuple(candidates[:count]), keys)
    return AvailableRelease(newest)


def required_platforms(context: Context, platforms: Sequence[Platform]) -> tuple[Platform, ...]:
    """Return the platforms of a lock that a release must support: this machine's first, and the settings'."""
    chosen = [platform for platform in platforms if platform.key in context.settings.lock_platforms]
    current = [platform for platform in platforms if platform == context.platform]
    return tuple(dict.fromkeys((*current, *chosen)))


def _requirements(required: Sequence[Platform], current: Sequence[Platform]) -> Iterator[Sequence[Platform]]:
    """Yield what to require: all platforms, else this machine's if the newest release lacks it."""
    yield required
    if current:
        yield current


def _has_archive(context: Context, tool: str, version: str, platform: Platform) -> bool:
    try:
        return context.catalog.artifact(tool, version, platform) is not None
    except AmbiguousAsset:  # there is one, but a manifest must name it
        return True
