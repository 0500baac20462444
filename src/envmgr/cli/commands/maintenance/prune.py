"""`envmgr prune`: remove installed versions that no known project needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import confirm_with, display_path, open_context, print_outcome, print_status
from envmgr.cli.output import progress
from envmgr.kit.errors import UsageError
from envmgr.ops.maintenance import prune

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.install.store import Installed
    from envmgr.ops.maintenance.prune import PruneResult
    from envmgr.resolve.context import Context


def run(options: Options, *, dry_run: bool) -> int:
    """Remove versions that no known project needs after a confirmation, or only print them with `dry_run`."""
    context = open_context(options)
    result = prune.select(context)
    _print_notes(options, context, result)
    if not dry_run:
        _confirm(options, result)
        with progress.show_progress(options) as display:
            result = prune.remove(open_context(options, display), result)
    return print_outcome(
        options,
        "prune",
        lambda: _to_json(result, dry_run=dry_run),
        lambda style, _: _lines(result, style, dry_run=dry_run),
    )


def _print_notes(options: Options, context: Context, result: PruneResult) -> None:
    """Print which projects cannot be read, and which were deleted."""
    cwd = context.environment.cwd
    for path, reason in result.unreadable:
        print_status(
            options,
            f"warning: {reason}\n  versions that {display_path(path, cwd)} may need are not removed",
        )
    for directory in result.deleted_projects:
        print_status(options, f"{display_path(directory, cwd)}: no .envmgr there any more; not a project")


def _confirm(options: Options, result: PruneResult) -> None:
    """Ask before versions are removed; raise UsageError without a confirmation."""
    names = ", ".join(f"{item.tool} {item.version}" for item in result.versions)
    if names and not confirm_with(options, "n")(f"Remove {names}?"):
        raise UsageError(
            f"nothing removed: prune requires a confirmation to remove {names}",
            "pass --yes to confirm, or --dry-run to list them",
        )


def _lines(result: PruneResult, style: Style, *, dry_run: bool) -> Iterable[str]:
    verb = "would remove" if dry_run else "removed"
    lines = [f"{verb} {style.paint('bold', item.tool)} {item.version}" for item in result.versions]
    return lines or ["nothing to remove"]


def _to_json(result: PruneResult, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "removed": [_installed_json(item) for item in result.versions],
        "projects": list(result.projects),
        "deleted_projects": list(result.deleted_projects),
        "unreadable": [{"path": path, "reason": reason} for path, reason in result.unreadable],
    }


def _installed_json(item: Installed) -> dict[str, object]:
    return {"tool": item.tool, "version": item.version, "path": item.path}
