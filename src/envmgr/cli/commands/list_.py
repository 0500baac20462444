"""`envmgr list`: what is installed, and with `--remote` what could be."""

from __future__ import annotations

from envmgr.cli.commands.current import source_entry
from envmgr.cli.console import display_path, open_context, print_result
from envmgr.cli.output import table
from envmgr.kit.frozen import replace
from envmgr.ops import list_tools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.catalog.release import Release
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.list_tools import Row


def run(options: Options, tool: str | None) -> int:
    """Show installed versions, and which of them are active here and why."""
    context = open_context(options)
    rows = list_tools.installed(context, tool)
    cwd = context.environment.cwd
    return print_result(
        options,
        "list",
        lambda: {"tools": [_entry(row) for row in rows]},
        lambda style, width: _lines(rows, tool, cwd, style, width),
    )


def _entry(row: Row) -> dict[str, object]:
    return {
        "tool": row.installed.tool,
        "version": row.installed.version,
        "active": row.active is not None,
        "path": row.installed.path,
        "request": row.active.spec if row.active else None,
        "source": source_entry(row.active.request.origin) if row.active else None,
        "installed_at": row.installed.installed_at,
    }


def _lines(rows: Sequence[Row], tool: str | None, cwd: str, style: Style, width: int) -> Iterable[str]:
    if not rows:
        name = tool or "TOOL"
        what = f"no version of {tool} is installed" if tool else "nothing is installed"
        return [f"{what}: `envmgr install {name}@latest` installs the newest"]
    return table.render([_row(row, cwd) for row in rows], width, style, flexible=3)


def _row(row: Row, cwd: str) -> tuple[table.Cell, ...]:
    if row.active is None:
        return (("", row.installed.tool), ("", row.installed.version), ("", ""), ("", ""))
    origin = row.active.request.origin
    place = str(replace(origin, name=display_path(origin.name, cwd)))
    return (
        ("bold", row.installed.tool),
        ("green", row.installed.version),
        ("dim", row.active.spec),
        ("cyan", place),
    )


def run_remote(options: Options, tool: str, spec: str | None) -> int:
    """Show the versions upstream lists, newest last."""
    from envmgr.cli.output import progress

    with progress.show_progress(options) as watcher:
        context = open_context(options, watcher)
        name = context.catalog.manifest(tool).name
        watcher.step(name, "listing releases")
        remote = list_tools.remote(context, name, spec)
    return print_result(
        options,
        "list",
        lambda: {"tool": remote.tool, "versions": [_release_entry(release) for release in remote.releases]},
        lambda style, width: _release_lines(remote.releases, style, width),
    )


def _release_entry(release: Release) -> dict[str, object]:
    return {
        "version": release.version,
        "date": release.date,
        "lts": release.lts,
        "prerelease": release.prerelease,
    }


def _release_lines(releases: Sequence[Release], style: Style, width: int) -> Iterable[str]:
    rows = [
        (
            ("dim" if release.prerelease else "", release.version),
            ("dim", (release.date or "")[:10]),
            ("green", f"lts {release.lts}" if release.lts else ""),
        )
        for release in releases
    ]
    return table.render(rows, width, style)
