"""`why`: how a tool's active version was resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.install import store
from envmgr.kit.environment import override_variable
from envmgr.kit.errors import NetworkError, NoVersionSet
from envmgr.kit.frozen import frozen
from envmgr.resolve import active, canonical_names
from envmgr.resolve.platform_releases import AvailableRelease, newest_available
from envmgr.resolve.select_release import UNDATED, evaluate
from envmgr.resolve.system_programs import describe_fallthrough

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.project.request import Request
    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


@frozen
class VersionSource:
    """A source of requests, and its spec for the tool or None."""

    location: str
    spec: str | None
    decided: bool


@frozen
class Why:
    """The whole resolution; `rejected` are versions with the reason each was passed over."""

    tool: str
    considered: tuple[VersionSource, ...]
    active: ActiveVersion
    lock: str | None
    locked: str | None
    installed: tuple[str, ...]
    candidates: tuple[str, ...]
    rejected: tuple[tuple[str, str], ...]
    newest: str | None
    note: str | None


def why(context: Context, tool: str) -> Why:
    """Return the active version of a tool and the rejected ones; raise NoVersionSet if not requested."""
    name = canonical_names.require_in_use_or_known(context, tool)
    request = context.project.request(name)
    if request is None:
        raise NoVersionSet(
            f"no version of {name} is set here (searched {', '.join(context.project.searched_paths)})"
            f"{describe_fallthrough(context, name)}",
            f"run `envmgr use {name} latest`",
        )
    return _explain(context, name, request)


def _explain(context: Context, name: str, request: Request) -> Why:
    chosen = active.resolve_request(context, request)[0]
    path = context.project.lock_of(request)
    evaluation = _evaluate(context, name, request.spec) if chosen.kind == "version" else _Evaluation()
    return Why(
        tool=name,
        considered=tuple(_list_considered(context, name, request)),
        active=chosen,
        lock=path if path and context.locks.lock(path) else None,
        locked=chosen.version if chosen.locked else None,
        installed=tuple(versions.sort(store.versions(context.paths, name))),
        candidates=evaluation.candidates,
        rejected=evaluation.rejected,
        newest=evaluation.candidates[0] if evaluation.candidates else None,
        note=evaluation.note,
    )


def _list_considered(context: Context, tool: str, request: Request) -> Sequence[VersionSource]:
    variable = override_variable(tool)
    override = context.environment.override(tool)
    rows = [VersionSource(f"${variable}", override, request.origin.kind == "environment")]
    files = {file.path: file for file in context.project.files}
    for path in context.project.searched_paths:
        entry = next((e for e in files[path].entries if e.tool == tool), None) if path in files else None
        decided = entry is not None and entry.origin == request.origin
        rows.append(VersionSource(path, ", ".join(entry.specs) if entry else None, decided))
    return rows


@frozen
class _Evaluation:
    candidates: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()
    note: str | None = None


def _evaluate(context: Context, tool: str, spec: str) -> _Evaluation:
    """Return upstream's candidates, or none and a note if the list is unavailable."""
    try:
        choice = evaluate(context, tool, spec)
    except NetworkError as error:
        return _Evaluation(note=f"releases not checked: {error.message}")
    too_new = tuple((version, "newer than minimum_release_age") for version in choice.too_new)
    matching = choice.selection.candidates
    release = _available(context, tool, matching) if matching else AvailableRelease("")
    elsewhere = tuple(
        (version, f"not available for {context.platform.key}") for version in release.passed_over
    )
    candidates = matching[len(release.passed_over) :]
    rejected = (*elsewhere, *too_new, *choice.selection.rejected)
    return _Evaluation(candidates, rejected, UNDATED if choice.has_no_dates else None)


def _available(context: Context, tool: str, candidates: tuple[str, ...]) -> AvailableRelease:
    """Return the release that an installation would take; the newest if that cannot be determined."""
    try:
        return newest_available(context, tool, candidates, [context.platform])
    except NetworkError:
        return AvailableRelease(candidates[0])
