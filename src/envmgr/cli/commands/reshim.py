"""`envmgr reshim`: rewrite all shims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import open_context, print_outcome
from envmgr.cli.output.units import count_of
from envmgr.ops import reshim

if TYPE_CHECKING:
    from envmgr.cli.options import Options


def run(options: Options) -> int:
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
            *(f"skipped {name}: not an envmgr shim" for name in changes.foreign),
            f"{count_of(len(changes.commands), 'command')} in {context.paths.shims}",
        ],
    )
