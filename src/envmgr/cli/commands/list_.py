"""`envmgr list`: installed versions, or with `--remote` available ones."""

from __future__ import annotations

import sys

from envmgr.cli.commands.current import source_json
from envmgr.cli.console import display_path, format_result, open_context, print_result
from envmgr.cli.output import table
from envmgr.cli.output.style import STDOUT
from envmgr.kit.environment import is_terminal
from envmgr.kit.frozen import replace
from envmgr.ops import list_tools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.list_tools import RemoteRow, Row


MAX_RELEASES = 40
"""The releases that a terminal shows without `--all`."""


def run(options: Options, tool: str | None) -> int:
    """Print installed versions, and for active ones their source."""
    context = open_context(options)
    rows = list_tools.list_installed(context, tool)
    cwd = context.environment.cwd
    return print_result(
        options,
        "list",
        lambda: {"tools": [_to_json(row) for row in rows]},
        lambda style, width: _lines(rows, tool, cwd, style, width),
    )


def _to_json(row: Row) -> dict[str, object]:
    return {
        "tool": row.installed.tool,
        "version": row.installed.version,
        "active": row.active is not None,
        "path": row.installed.path,
        "link": row.installed.link or None,
        "request": row.active.spec if row.active else None,
        "source": source_json(row.active.request.origin) if row.active else None,
        "installed_at": row.installed.installed_at,
    }


def _lines(rows: Sequence[Row], tool: str | None, cwd: str, style: Style, width: int) -> Iterable[str]:
    if not rows:
        name = tool or "TOOL"
        message = f"no version of {tool} installed" if tool else "no tools installed"
        return [f"{message}; run `envmgr install {name}@latest` to install one"]
    return table.render([_row(row, cwd) for row in rows], width, style, flexible=3)


def _row(row: Row, cwd: str) -> tuple[table.Cell, ...]:
    link = _link_text(row, cwd)
    if row.active is None:
        return (("", row.installed.tool), ("", row.installed.version), ("", ""), link)
    origin = row.active.request.origin
    source = str(replace(origin, name=display_path(origin.name, cwd)))
    return (
        ("bold", row.installed.tool),
        ("green", row.installed.version),
        ("dim", row.active.spec),
        ("cyan", f"{source} {link[1]}".rstrip()),
    )


def _link_text(row: Row, cwd: str) -> table.Cell:
    """Return the directory that a version is linked to, if any."""
    if not row.installed.link:
        return ("", "")
    missing = " (not found)" if row.installed.is_broken else ""
    return ("red" if missing else "dim", f"-> {display_path(row.installed.link, cwd)}{missing}")


def run_remote(options: Options, tool: str, spec: str | None, *, limit: int | None) -> int:
    """Print the versions that upstream lists, newest last; on a terminal, only the newest `limit` of them."""
    from envmgr.cli import recorded_results
    from envmgr.cli.output import progress
    from envmgr.kit.progress import CountedMessages
    from envmgr.resolve import canonical_names

    with progress.show_progress(options) as display:
        messages = CountedMessages(display)
        context = open_context(options, messages)
        name = canonical_names.require_name(context, tool)
        display.step(name, "listing releases")
        remote = list_tools.remote(context, name, spec)
    visible = _newest(remote.rows, limit)
    note = _limit_note(options, len(visible), len(remote.rows))
    output = format_result(
        options,
        "list",
        lambda: {"tool": remote.tool, "versions": [_release_json(row) for row in remote.rows]},
        lambda style, width: _release_lines(visible, style, width),
    )
    sys.stderr.write(note)
    sys.stdout.write(output)
    if not messages.count:
        recorded_results.record(options, context, output, note)
    return 0


def _newest(rows: Sequence[RemoteRow], limit: int | None) -> Sequence[RemoteRow]:
    """Return the rows to print: all, or on a terminal the newest ones."""
    return rows if limit is None or not is_terminal(STDOUT) else rows[-limit:]


def _limit_note(options: Options, visible_count: int, count: int) -> str:
    """Return the note on stderr if not all versions are printed."""
    is_silent = visible_count == count or options.quiet or options.json
    return "" if is_silent else f"newest {visible_count} of {count} versions; `--all` shows all\n"


def _release_json(row: RemoteRow) -> dict[str, object]:
    release = row.release
    return {
        "version": release.version,
        "date": release.date,
        "lts": release.lts,
        "prerelease": release.prerelease,
        "installed": row.installed,
        "active": row.active,
    }


def _release_lines(rows: Sequence[RemoteRow], style: Style, width: int) -> Iterable[str]:
    return table.render([_release_row(row) for row in rows], width, style)


def _release_row(row: RemoteRow) -> tuple[table.Cell, ...]:
    release = row.release
    state = "active" if row.active else "installed" if row.installed else ""
    return (
        ("green" if row.active else "dim" if release.prerelease else "", release.version),
        ("dim", (release.date or "")[:10]),
        ("cyan", f"lts {release.lts}" if release.lts else ""),
        ("green" if row.active else "bold", state),
    )
