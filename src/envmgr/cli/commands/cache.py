"""`envmgr cache`: the download cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import open_context, print_outcome, print_result
from envmgr.cli.output import table
from envmgr.cli.output.units import size
from envmgr.ops import cache

if TYPE_CHECKING:
    from envmgr.cli.console import Document
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.cache import Cache


def run_dir(options: Options) -> int:
    """Print the cache's directory."""
    path = open_context(options).paths.cache
    return print_result(options, "cache-dir", lambda: {"path": path}, lambda _style, _width: [path])


def run_list(options: Options) -> int:
    """Show what is cached."""
    held = cache.show(open_context(options))
    return print_result(
        options, "cache-list", lambda: _document(held), lambda style, width: _lines(held, style, width)
    )


def run_clear(options: Options) -> int:
    """Remove what is cached."""
    held = cache.clear(open_context(options))
    return print_outcome(
        options,
        "cache-clear",
        lambda: _document(held),
        lambda _style, _width: [f"removed {size(held.bytes)} from {held.path}"],
    )


def _document(held: Cache) -> Document:
    entries = [
        {"name": one.name, "kind": one.kind, "what": one.source, "bytes": one.bytes} for one in held.entries
    ]
    return {"path": held.path, "bytes": held.bytes, "entries": entries}


def _lines(held: Cache, style: Style, width: int) -> list[str]:
    spelled = [size(one.bytes) for one in held.entries]
    widest = max((len(text) for text in spelled), default=0)
    rows = [
        (("", text.rjust(widest)), ("bold", one.kind), ("", one.source))
        for text, one in zip(spelled, held.entries, strict=True)
    ]
    return [*table.render(rows, width, style), f"{size(held.bytes)} in {held.path}"]
