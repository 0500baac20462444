"""Choosing a release for a spec from what upstream lists, by the user's rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.kit.errors import InvalidRequest, NoMatchingVersion
from envmgr.kit.frozen import frozen
from envmgr.kit.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.catalog.release import Listing, Release
    from envmgr.resolve.context import Context
    from envmgr.versions import Selection


@frozen
class Choice:
    """What a spec comes to, and what was passed over: `young` are versions below the minimum release age.

    `undated`: there is such an age, and upstream gives no release's date.
    """

    selection: Selection
    too_new: tuple[str, ...] = ()
    has_no_dates: bool = False


UNDATED = "upstream gives no dates, so minimum_release_age does not apply"


def select_version(context: Context, tool: str, spec: str) -> str:
    """Return the version of a tool that a spec means; raise NoMatchingVersion with what there is instead."""
    choice = evaluate(context, tool, spec)
    if choice.selection.winner is None:
        raise _no_match(context, tool, spec, choice)
    if choice.has_no_dates:
        context.progress.message(f"{tool} {spec}: {UNDATED}")
    return choice.selection.winner


def evaluate(context: Context, tool: str, spec: str) -> Choice:
    """Weigh all listed releases of a tool against a spec; raise InvalidRequest if it means nothing for the tool."""
    kind, value = versions.classify(spec)
    if kind == "tag":
        spec = value
    elif kind != "version":
        raise InvalidRequest(
            f"{tool}@{spec}: only releases can be installed, not {kind}:", _remote_hint(tool)
        )
    return _evaluate_version(context, tool, spec)


def _evaluate_version(context: Context, tool: str, spec: str) -> Choice:
    manifest, listing = context.catalog.manifest(tool), context.catalog.listing(tool)
    young = _too_new(context, listing, spec)
    old_enough = tuple(version for version in _listed(listing, spec) if version not in young)
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
    return Choice(selection, tuple(sorted(young)), _is_undated(context, listing, spec))


def _listed(listing: Listing, spec: str) -> tuple[str, ...]:
    """Return the versions to choose from; one that was withdrawn is among them only if it is named exactly."""
    named = listing.release(spec.lstrip("="))
    return (*listing.versions, named.version) if named and named.withdrawn else listing.versions


def _too_new(context: Context, listing: Listing, spec: str) -> frozenset[str]:
    age = context.settings.minimum_release_age
    if not age or _is_exact(listing, spec):
        return frozenset()
    latest = datetime.now(UTC) - timedelta(seconds=age)
    return frozenset(release.version for release in listing.releases if _is_after(release, latest))


def _is_undated(context: Context, listing: Listing, spec: str) -> bool:
    is_asked = bool(context.settings.minimum_release_age) and not _is_exact(listing, spec)
    return is_asked and not any(release.date for release in listing.releases)


def _is_exact(listing: Listing, spec: str) -> bool:
    if listing.release(spec):
        return True
    try:
        return versions.parse_spec(spec).exact
    except ValueError:
        return False


def _is_after(release: Release, moment: datetime) -> bool:
    """Tell whether a release came after a moment; one without a date did not."""
    if not release.date:
        return False
    try:
        date = datetime.fromisoformat(release.date)
    except ValueError:
        return False
    return (date if date.tzinfo else date.replace(tzinfo=UTC)) > moment


def _no_match(context: Context, tool: str, spec: str, choice: Choice) -> NoMatchingVersion:
    listing = context.catalog.listing(tool)
    if not listing.releases:
        return NoMatchingVersion(f"{tool} has no releases", "the list of its releases is empty")
    seen = choice.selection.prereleases_seen
    if seen:
        hint = f"pre-releases match: {_some(seen)}; name one exactly to take it"
    elif choice.too_new:
        hint = f"releases younger than minimum_release_age were left out: {_some(choice.too_new)}"
    else:
        near = closest(spec, listing.versions)
        hint = (
            f"did you mean {' or '.join(near)}? " if near else f"the newest is {_newest(listing.versions)}; "
        )
        hint += _remote_hint(tool)
    return NoMatchingVersion(f"no version of {tool} matches {spec}", hint)


def _newest(listed: Sequence[str]) -> str:
    return versions.max_satisfying(listed, "latest") or listed[-1]


def _some(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(names[-most:])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _remote_hint(tool: str) -> str:
    return f"`envmgr list --remote {tool}` shows what there is"
