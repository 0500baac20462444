"""Selection of a listed release for a spec, by the user's settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from envmgr import versions
from envmgr.kit.errors import InvalidRequest, NoMatchingVersion
from envmgr.kit.frozen import frozen
from envmgr.kit.suggest import closest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.catalog.release import Listing, Release
    from envmgr.resolve.context import Context
    from envmgr.versions import Selection


@frozen
class Choice:
    """The selected release, and the rejected ones: `young` are versions below the minimum release age.

    `undated`: an age is set, but upstream publishes no release dates.
    """

    selection: Selection
    too_new: tuple[str, ...] = ()
    has_no_dates: bool = False


UNDATED = "minimum_release_age ignored: upstream publishes no release dates"


def select_version(context: Context, tool: str, spec: str) -> str:
    """Return the version of a tool that a spec resolves to; raise NoMatchingVersion with suggestions."""
    return select_candidates(context, tool, spec)[0]


def select_candidates(context: Context, tool: str, spec: str) -> tuple[str, ...]:
    """Return the versions that match a spec, best first; raise NoMatchingVersion with suggestions."""
    choice = evaluate(context, tool, spec)
    if choice.selection.winner is None:
        raise _no_match(context, tool, spec, choice)
    if choice.has_no_dates:
        context.progress.message(f"{tool} {spec}: {UNDATED}")
    return choice.selection.candidates


def evaluate(context: Context, tool: str, spec: str) -> Choice:
    """Evaluate a tool's releases against a spec; raise InvalidRequest if the spec is not valid for it."""
    kind, value = versions.classify(spec)
    if kind == "tag":
        spec = value
    elif kind != "version":
        raise InvalidRequest(f"{tool}@{spec}: {kind}: cannot be installed, only releases", _remote_hint(tool))
    return _evaluate_version(context, tool, spec)


def _evaluate_version(context: Context, tool: str, spec: str) -> Choice:
    manifest, listing = context.catalog.manifest(tool), context.catalog.listing(tool)
    too_new = _too_new(context, listing, spec)
    old_enough = tuple(version for version in _matching_versions(listing, spec) if version not in too_new)
    try:
        selection = versions.select(
            old_enough,
            spec,
            aliases=listing.aliases,
            variants=manifest.variants,
            default_vendor=manifest.default_vendor,
        )
    except ValueError as error:
        raise InvalidRequest(f"{tool}@{spec}: {error}", _remote_hint(tool)) from None
    return Choice(selection, tuple(sorted(too_new)), _is_undated(context, listing, spec))


def _matching_versions(listing: Listing, spec: str) -> tuple[str, ...]:
    """Return the candidate versions; a withdrawn one is included only if requested exactly."""
    release = listing.release(spec.lstrip("="))
    return (*listing.versions, release.version) if release and release.withdrawn else listing.versions


def _too_new(context: Context, listing: Listing, spec: str) -> frozenset[str]:
    age = context.settings.minimum_release_age
    if not age or _is_exact(listing, spec):
        return frozenset()
    latest = datetime.now(UTC) - timedelta(seconds=age)
    return frozenset(release.version for release in listing.releases if _is_after(release, latest))


def _is_undated(context: Context, listing: Listing, spec: str) -> bool:
    has_minimum_age = bool(context.settings.minimum_release_age) and not _is_exact(listing, spec)
    return has_minimum_age and not any(release.date for release in listing.releases)


def _is_exact(listing: Listing, spec: str) -> bool:
    return bool(listing.release(spec)) or versions.is_exact(spec)


def _is_after(release: Release, limit: datetime) -> bool:
    """Return whether a release is dated after a moment."""
    if not release.date:
        return False
    try:
        date = datetime.fromisoformat(release.date)
    except ValueError:
        return False
    return (date if date.tzinfo else date.replace(tzinfo=UTC)) > limit


def _no_match(context: Context, tool: str, spec: str, choice: Choice) -> NoMatchingVersion:
    listing = context.catalog.listing(tool)
    if not listing.releases:
        return NoMatchingVersion(f"{tool} has no releases", "check `versions` in its manifest")
    seen = choice.selection.prereleases_seen
    if seen:
        hint = f"only pre-releases match ({_some(seen)}); request one exactly"
    elif choice.too_new:
        hint = f"releases newer than minimum_release_age were skipped: {_some(choice.too_new)}"
    else:
        suggestions = closest(spec, listing.versions)
        hint = (
            f"did you mean {' or '.join(suggestions)}? "
            if suggestions
            else f"latest is {_newest(listing.versions)}; "
        )
        hint += _remote_hint(tool)
    return NoMatchingVersion(f"no version of {tool} matches {spec}", hint)


def _newest(candidates: Sequence[str]) -> str:
    return versions.max_satisfying(candidates, "latest") or candidates[-1]


def _some(names: Sequence[str], limit: int = 4) -> str:
    text = ", ".join(names[-limit:])
    return f"{text} and {len(names) - limit} more" if len(names) > limit else text


def _remote_hint(tool: str) -> str:
    return f"run `envmgr list --remote {tool}` to list versions"
