"""`envmgr search`: tools with a manifest, by name or description."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.cli import recorded_results
from envmgr.cli.console import format_result, open_context
from envmgr.cli.output import wrapped_table
from envmgr.ops.catalog import plugins
from envmgr.ops.catalog.search import search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.table import Cell
    from envmgr.ops.catalog.search import Match
    from envmgr.resolve.context import Context


def run(options: Options, words: Sequence[str]) -> int:
    """Print the tools that match every word."""
    context = open_context(options)
    text = " ".join(words)
    matches = search(context, text)
    output = format_result(
        options,
        "search",
        lambda: {"text": text, "tools": [_to_json(context, match) for match in matches]},
        lambda style, width: wrapped_table.render([_row(match) for match in matches], width, style),
    )
    sys.stdout.write(output)
    recorded_results.record(options, context, output)
    return 0


def _row(match: Match) -> tuple[Cell, ...]:
    return (
        ("bold", match.manifest.name),
        ("green" if match.installed else "", "installed" if match.installed else ""),
        ("", match.manifest.description),
    )


def _to_json(context: Context, match: Match) -> dict[str, object]:
    manifest = match.manifest
    return {
        "name": manifest.name,
        "aliases": [*manifest.aliases],
        "description": manifest.description,
        "homepage": manifest.homepage or None,
        "scope": plugins.scope(context, manifest),
        "installed": [*versions.sort(match.installed)],
    }
