"""`envmgr uninstall` and `envmgr reshim`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import open_context, print_outcome
from envmgr.cli.output.units import count_of
from envmgr.ops import reshim, uninstall
from envmgr.resolve import tool_specs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.install.store import Installed


def run(options: Options, words: Sequence[str], *, dry_run: bool) -> int:
    """Remove the named versions, or say what would go."""
    context = open_context(options)
    items = tool_specs.parse_many(words, lambda word: bool(uninstall.installed_versions(context, word)))
    removed = uninstall.select(context, items) if dry_run else uninstall.uninstall(context, items)
    verb = "would remove" if dry_run else "removed"
    return print_outcome(
        options,
        "uninstall",
        lambda: {"dry_run": dry_run, "removed": [_entry(one) for one in removed.versions]},
        lambda style, _: [
            f"{verb} {style.paint('bold', one.tool)} {one.version}" for one in removed.versions
        ],
    )


def _entry(one: Installed) -> dict[str, object]:
    return {"tool": one.tool, "version": one.version, "path": one.path}


def run_reshim(options: Options) -> int:
    """Rewrite all shims."""
    context = open_context(options)
    changes = reshim.reshim(context)
    return print_outcome(
        options,
        "reshim",
        lambda: {
            "directory": context.paths.shims,
            "commands": list(changes.commands),
            "added": list(changes.written),
            "removed": list(changes.removed),
        },
        lambda _style, _width: [
            *(f"wrote {name}" for name in changes.written),
            *(f"removed {name}" for name in changes.removed),
            *(f"left alone {name}: it is no shim of envmgr" for name in changes.foreign),
            f"{count_of(len(changes.commands), 'command')} in {context.paths.shims}",
        ],
    )
