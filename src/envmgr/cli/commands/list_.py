"""`envmgr list`: installed versions, or with `--remote` available ones."""

from __future__ import annotations

from envmgr.cli.commands.current import source_json
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
    """Print installed versions, and for active ones their source."""
    context = open_context(options)
    rows = list_tools.installed(context, tool)
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
    if row.active is None:
        return (("", row.installed.tool), ("", row.installed.version), ("", ""), ("", ""))
    origin = row.active.request.origin
    source = str(replace(origin, name=display_path(origin.name, cwd)))
    return (
        ("bold", row.installed.tool),
        ("green", row.installed.version),
        ("dim", row.active.spec),
        ("cyan", source),
    )


def run_remote(options: Options, tool: str, spec: str | None) -> int:
    """Print the versions that upstream lists, newest last."""
    from envmgr.cli.output import progress

    with progress.show_progress(options) as display:
        context = open_context(options, display)
        name = context.catalog.manifest(tool).name
        display.step(name, "listing releases")
        remote = list_tools.remote(context, name, spec)
    return print_result(
        options,
        "list",
        lambda: {"tool": remote.tool, "versions": [_release_json(release) for release in remote.releases]},
        lambda style, width: _release_lines(remote.releases, style, width),
    )


def _release_json(release: Release) -> dict[str, object]:
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
