"""`envmgr alm diff`: compare two versions or two environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.git_log import Repository
from envmgr.cli.alm.connection import alm_client
from envmgr.cli.alm.output.record_table import RecordTable
from envmgr.cli.alm.output.symbols import symbols_for
from envmgr.cli.alm.output.text import DISPLAYED_COMMIT_LENGTH, escape_line, key_values
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
_SHORT_DIGEST_LENGTH = len("sha256:") + 12


def run(options: Options, before: str, after: str, app: str | None) -> int:
    """Print tags, commits, tools and artifacts that differ."""
    old, new = refs.parse(before), refs.parse(after)
    if app is not None:
        refs.check_app(app)
    repository = Repository(open_context(options).environment)
    with alm_client(options) as api:
        differences = diff(api, old, new, app, repository)
    return print_result(
        options,
        "alm-diff",
        lambda: {
            "before": str(old),
            "after": str(new),
            "apps": [_to_json(difference) for difference in differences],
        },
        lambda style, width: _lines(differences, f"{old} {symbols_for(style).arrow} {new}", style, width),
    )


def _to_json(app_difference: AppDifference) -> dict[str, object]:
    version_diff = app_difference.difference
    return {
        "app": app_difference.app,
        "same": version_diff.is_same_version,
        "before": _side_json(version_diff.before),
        "after": _side_json(version_diff.after),
        "absent": _absent_json(app_difference.absent),
        "commits": _commits_json(app_difference.commits),
        "lock_differs": version_diff.has_different_lock,
        "tools": [
            {
                "tool": change.name,
                "change": change.kind,
                "before": change.before,
                "after": change.after,
                "direction": change.direction or None,
            }
            for change in version_diff.tools
        ],
        "artifacts": [
            {"name": change.name, "change": change.kind, "before": change.before, "after": change.after}
            for change in version_diff.artifacts
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
    attempt = absent.last_attempt
    last_attempt = None if attempt is None else {"tag": attempt.tag, "status": attempt.status}
    return {"environment": absent.environment, "last_attempt": last_attempt}


def _commits_json(commits: Commits | None) -> dict[str, object] | None:
    if commits is None:
        return None
    return {
        "added": commits.added,
        "dropped": commits.dropped,
        "listed": [{"commit": commit, "subject": subject} for commit, subject in commits.entries],
    }


def _lines(differences: Sequence[AppDifference], title: str, style: Style, width: int) -> Iterator[str]:
    """Yield each app that differs, and the number of identical ones."""
    differing = [app for app in differences if not app.difference.is_same_version]
    same = len(differences) - len(differing)
    if not differing:
        summary = "same version" if len(differences) == 1 else f"no differences in {len(differences)} apps"
        yield f"{title}: {summary if differences else 'not deployed'}"
        return
    for number, app_difference in enumerate(differing):
        if number:
            yield ""
        yield from _app(app_difference, style, width)
    if same:
        yield ""
        yield style.paint("dim", f"{count_of(same, 'other app')} identical")


def _app(app_difference: AppDifference, style: Style, width: int) -> Iterator[str]:
    version_diff, symbols = app_difference.difference, symbols_for(style)
    sides = [
        _side(side, app_difference.app, symbols, style) for side in (version_diff.before, version_diff.after)
    ]
    lead = "" if app_difference.app is None else f"{style.paint('bold', app_difference.app)}  "
    yield lead + f" {symbols.arrow} ".join(sides)
    yield from key_values(_about(app_difference, symbols), style, width)
    sections = (
        (
            "commits",
            [] if app_difference.commits is None else [*_commits(app_difference.commits, style, width - 4)],
        ),
        ("tools", _changes(version_diff.tools, symbols, style, width - 4)),
        ("artifacts", _changes(version_diff.artifacts, symbols, style, width - 4)),
    )
    for name, lines in sections:
        if lines:
            yield f"  {style.paint('dim', name)}"
            yield from (f"    {line}" for line in lines)


def _side(side: VersionSide | None, app: str | None, symbols: Symbols, style: Style) -> str:
    """Return a side's tag, with its app if the sides are of different apps."""
    if side is None:
        return symbols.nothing
    return side.tag if app else f"{style.paint('bold', side.app)}@{side.tag}"


def _about(app_difference: AppDifference, symbols: Symbols) -> Iterator[tuple[str, str]]:
    version_diff = app_difference.difference
    if app_difference.absent is not None:
        yield app_difference.absent.environment, _absent_fact(app_difference.absent)
        return
    if version_diff.before and version_diff.after:
        yield (
            "commit",
            _commit_fact(
                version_diff.before.commit, version_diff.after.commit, app_difference.commits, symbols
            ),
        )
    yield "lock", _lock_fact(version_diff)


def _absent_fact(absent: NotDeployed) -> str:
    attempt = absent.last_attempt
    suffix = f" ({attempt.tag} {attempt.status.replace('_', ' ')})" if attempt else ""
    return f"not deployed there{suffix}"


def _commit_fact(before: str, after: str, commits: Commits | None, symbols: Symbols) -> str:
    if before == after:
        return f"{before[:DISPLAYED_COMMIT_LENGTH]}, the same" if before else "unknown"
    old, new = before[:DISPLAYED_COMMIT_LENGTH], after[:DISPLAYED_COMMIT_LENGTH]
    both = f"{old or 'unknown'} {symbols.arrow} {new or 'unknown'}"
    if commits is None and before and after:
        return f"{both} (commits not in this repository)"
    return both


def _lock_fact(version_diff: VersionDiff) -> str:
    missing = [
        side.tag
        for side in (version_diff.before, version_diff.after)
        if side is not None and side.lock_digest is None
    ]
    if missing:
        return f"{' and '.join(missing)}: no lock file, toolchain unknown"
    if version_diff.before is None or version_diff.after is None or version_diff.tools:
        return ""
    if version_diff.has_different_lock:
        return "differs in requests, platforms or archives; all tool versions are equal"
    return "the same"


def _commits(commits: Commits, style: Style, width: int) -> Iterator[str]:
    for commit, subject in commits.entries:
        yield f"{style.paint('yellow', commit)} {table.truncate_end(escape_line(subject), width - len(commit) - 1)}"
    more = commits.added - len(commits.entries)
    if more > 0:
        yield f"and {more} more"
    if commits.dropped:
        yield style.paint("yellow", f"{count_of(commits.dropped, 'commit')} removed")


def _changes(changes: Sequence[Change], symbols: Symbols, style: Style, width: int) -> list[str]:
    rows = [_change(change, symbols) for change in changes]
    return RecordTable(style, width, (1,)).lines(rows)


def _change(change: Change, symbols: Symbols) -> tuple[table.Cell, ...]:
    kind, sign = _KINDS[change.kind]
    values = [_short_value(value) for value in (change.before, change.after) if value is not None]
    return (
        (kind, sign),
        ("bold", escape_line(change.name)),
        (kind, f" {symbols.arrow} ".join(values)),
        ("yellow", "downgrade" if change.direction == "down" else ""),
    )


def _short_value(value: str) -> str:
    return value[:_SHORT_DIGEST_LENGTH] if value.startswith("sha") and ":" in value else escape_line(value)
