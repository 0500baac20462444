"""`envmgr uninstall`: remove installed versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import open_context, print_outcome
from envmgr.cli.output import progress
from envmgr.ops import uninstall
from envmgr.resolve import tool_specs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.install.store import Installed


def run(options: Options, args: Sequence[str], *, dry_run: bool) -> int:
    """Remove the named versions, or only print them with `dry_run`."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        requested = tool_specs.parse_many(args, lambda arg: bool(uninstall.installed_versions(context, arg)))
        removed = uninstall.select(context, requested) if dry_run else uninstall.uninstall(context, requested)
    verb = "would remove" if dry_run else "removed"
    return print_outcome(
        options,
        "uninstall",
        lambda: {"dry_run": dry_run, "removed": [_to_json(tree) for tree in removed.versions]},
        lambda style, _: [
            f"{verb} {style.paint('bold', tree.tool)} {tree.version}" for tree in removed.versions
        ],
    )


def _to_json(tree: Installed) -> dict[str, object]:
    return {"tool": tree.tool, "version": tree.version, "path": tree.path}
