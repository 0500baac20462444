"""`envmgr alm diff`: what differs between two versions or two environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.git_log import Repository
from envmgr.cli.alm.connection import alm_client
from envmgr.cli.alm.output.record_table import RecordTable
from envmgr.cli.alm.output.symbols import symbols_for
from envmgr.cli.alm.output.text import COMMIT, escape_line, key_values
from envmgr.cli.console import open_context, print_result
from envmgr.cli.output import table
from envmgr.cli.output.units import count_of
from envmgr.ops.alm.diff import diff

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.alm.git_log import Commits
    from envmgr.alm.version_diff import Change, VersionDiff, VersionSide
    from envmgr.cli.alm.output.symbols import Symbols
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.diff import AppDifference, NotDeployed

_KINDS = {"added": ("green", "+"), "removed": ("red", "-"), "changed": ("cyan", "~")}
_DIGEST = len("sha256:") + 12


def run(options: Options, before: str, after: str, app: str | None) -> int:
    """Show tags, commits, tools and artifacts that differ."""
    one, other = refs.parse(before), refs.parse(after)
    if app is not None:
        refs.check_app(app)
    repository = Repository(open_context(options).environment)
    with alm_client(options) as api:
        found = diff(api, one, other, app, repository)
    return print_result(
        options,
        "alm-diff",
        lambda: {"before": str(one), "after": str(other), "apps": [_to_json(one) for one in found]},
        lambda style, width: _lines(found, f"{one} {symbols_for(style).arrow} {other}", style, width),
    )


def _to_json(one: AppDifference) -> dict[str, object]:
    found = one.difference
    return {
        "app": one.app,
        "same": found.is_same_version,
        "before": _side_json(found.before),
        "after": _side_json(found.after),
        "absent": _absent_json(one.absent),
        "commits": _commits_json(one.commits),
        "lock_differs": found.lock_differs,
        "tools": [
            {
                "tool": change.name,
                "change": change.kind,
                "before": change.before,
                "after": change.after,
                "direction": change.direction or None,
            }
            for change in found.tools
        ],
        "artifacts": [
            {"name": change.name, "change": change.kind, "before": change.before, "after": change.after}
            for change in found.artifacts
        ],
    }


def _side_json(side: VersionSide | None) -> dict[str, object] | None:
    if side is None:
        return None
    return {
        "app": side.app,
        "version_id": side.version_id,
        "tag": side.tag,
        "commit": side.commit or None,
        "lock_digest": side.lock_digest,
    }


def _absent_json(absent: NotDeployed | None) -> dict[str, object] | None:
    if absent is None:
        return None
    tried = absent.last_attempt
    last = None if tried is None else {"tag": tried.tag, "status": tried.status}
    return {"environment": absent.environment, "tried": last}


def _commits_json(commits: Commits | None) -> dict[str, object] | None:
    if commits is None:
        return None
    return {
        "added": commits.added,
        "dropped": commits.dropped,
        "listed": [{"commit": commit, "subject": subject} for commit, subject in commits.listed],
    }


def _lines(found: Sequence[AppDifference], title: str, style: Style, width: int) -> Iterator[str]:
    """Show each app that differs; those that do not are only counted."""
    differing = [one for one in found if not one.difference.is_same_version]
    same = len(found) - len(differing)
    if not differing:
        what = "the same version" if len(found) == 1 else f"all {count_of(len(found), 'app')} are the same"
        yield f"{title}: {what if found else 'nothing stands there'}"
        return
    for number, one in enumerate(differing):
        if number:
            yield ""
        yield from _app(one, style, width)
    if same:
        yield ""
        yield style.paint("dim", f"{count_of(same, 'other app')} the same in both")


def _app(one: AppDifference, style: Style, width: int) -> Iterator[str]:
    found, marks = one.difference, symbols_for(style)
    sides = [_side(side, one.app, marks, style) for side in (found.before, found.after)]
    lead = "" if one.app is None else f"{style.paint('bold', one.app)}  "
    yield lead + f" {marks.arrow} ".join(sides)
    yield from key_values(_about(one, marks), style, width)
    inside = (
        ("commits", [] if one.commits is None else [*_commits(one.commits, style, width - 4)]),
        ("tools", _changes(found.tools, marks, style, width - 4)),
        ("artifacts", _changes(found.artifacts, marks, style, width - 4)),
    )
    for name, lines in inside:
        if lines:
            yield f"  {style.paint('dim', name)}"
            yield from (f"    {line}" for line in lines)


def _side(side: VersionSide | None, app: str | None, marks: Symbols, style: Style) -> str:
    """Name a side by its tag, and by its app where there is none that both are of."""
    if side is None:
        return marks.nothing
    return side.tag if app else f"{style.paint('bold', side.app)}@{side.tag}"


def _about(one: AppDifference, marks: Symbols) -> Iterator[tuple[str, str]]:
    found = one.difference
    if one.absent is not None:
        yield one.absent.environment, _absent_fact(one.absent)
        return
    if found.before and found.after:
        yield "commit", _commit_fact(found.before.commit, found.after.commit, one.commits, marks)
    yield "lock", _lock_fact(found)


def _absent_fact(absent: NotDeployed) -> str:
    tried = absent.last_attempt
    there = f" ({tried.tag} {tried.status.replace('_', ' ')})" if tried else ""
    return f"nothing of it stands there{there}"


def _commit_fact(before: str, after: str, commits: Commits | None, marks: Symbols) -> str:
    if before == after:
        return f"{before[:COMMIT]}, the same" if before else "not known"
    both = f"{before[:COMMIT] or 'not known'} {marks.arrow} {after[:COMMIT] or 'not known'}"
    if commits is None and before and after:
        return f"{both} (the repository here does not have both)"
    return both


def _lock_fact(found: VersionDiff) -> str:
    missing = [
        side.tag for side in (found.before, found.after) if side is not None and side.lock_digest is None
    ]
    if missing:
        return f"{' and '.join(missing)} came without one: what it was built with cannot be told"
    if found.before is None or found.after is None or found.tools:
        return ""
    if found.lock_differs:
        return "differs, though every tool has the same version: in requests, platforms or archives"
    return "the same"


def _commits(commits: Commits, style: Style, width: int) -> Iterator[str]:
    for commit, subject in commits.listed:
        yield f"{style.paint('yellow', commit)} {table.truncate_end(escape_line(subject), width - len(commit) - 1)}"
    more = commits.added - len(commits.listed)
    if more > 0:
        yield f"and {more} more"
    if commits.dropped:
        yield style.paint("yellow", f"without {count_of(commits.dropped, 'commit')} that the first one has")


def _changes(changes: Sequence[Change], marks: Symbols, style: Style, width: int) -> list[str]:
    rows = [_change(change, marks) for change in changes]
    return RecordTable(style, width, (1,)).lines(rows)


def _change(change: Change, marks: Symbols) -> tuple[table.Cell, ...]:
    kind, sign = _KINDS[change.kind]
    values = [_short(value) for value in (change.before, change.after) if value is not None]
    return (
        (kind, sign),
        ("bold", escape_line(change.name)),
        (kind, f" {marks.arrow} ".join(values)),
        ("yellow", "older than before" if change.direction == "down" else ""),
    )


def _short(value: str) -> str:
    return value[:_DIGEST] if value.startswith("sha") and ":" in value else escape_line(value)
