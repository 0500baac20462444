"""`envmgr outdated`: newer versions of the project's tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.commands.current import source_json
from envmgr.cli.console import display_path, open_context, print_result, print_status
from envmgr.cli.output import progress, table
from envmgr.kit.frozen import replace
from envmgr.ops.maintenance.outdated import check_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.maintenance.outdated import VersionStatus

_HEADER = (("dim", "tool"), ("dim", "version"), ("dim", "allowed"), ("dim", "newest"), ("dim", "request"))


def run(options: Options, tools: Sequence[str], *, latest: bool) -> int:
    """Print the tools for which the request, or with `latest` any request, allows a newer version."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        statuses = check_versions(context, tools)
    rows = [status for status in statuses if _is_outdated(status, latest=latest)]
    cwd = context.environment.cwd
    code = print_result(
        options,
        "outdated",
        lambda: {"tools": [_to_json(status, latest=latest) for status in statuses]},
        lambda style, width: _lines(rows, statuses, cwd, style, width),
    )
    _note_newer(options, statuses, latest=latest)
    return code


def _is_outdated(status: VersionStatus, *, latest: bool) -> bool:
    return status.has_newer if latest else status.has_upgrade


def _lines(
    rows: Sequence[VersionStatus], statuses: Sequence[VersionStatus], cwd: str, style: Style, width: int
) -> Iterable[str]:
    if not statuses:
        return ["no tools configured; run `envmgr use TOOL VERSION`"]
    if not rows:
        return ["all tools are up to date"]
    return table.render([_HEADER, *(_row(status, cwd) for status in rows)], width, style, flexible=4)


def _row(status: VersionStatus, cwd: str) -> tuple[table.Cell, ...]:
    origin = status.request.origin
    source = replace(origin, name=display_path(origin.name, cwd))
    return (
        ("bold", status.tool),
        ("red", status.version or "-"),
        ("green" if status.has_upgrade else "", status.allowed or "-"),
        ("cyan", status.newest or "-"),
        ("dim", f"{status.spec} ({source})"),
    )


def _note_newer(options: Options, statuses: Iterable[VersionStatus], *, latest: bool) -> None:
    """Print which tools have newer versions that their requests exclude."""
    names = [status.tool for status in statuses if status.newest != status.allowed and status.has_newer]
    if names and not latest:
        tools = ", ".join(dict.fromkeys(names))
        print_status(
            options, f"newer versions exist outside the requests of {tools}: `envmgr outdated --latest`"
        )


def _to_json(status: VersionStatus, *, latest: bool) -> dict[str, object]:
    return {
        "tool": status.tool,
        "request": status.spec,
        "version": status.version,
        "installed": status.installed,
        "allowed": status.allowed,
        "newest": status.newest,
        "outdated": _is_outdated(status, latest=latest),
        "source": source_json(status.request.origin),
    }
