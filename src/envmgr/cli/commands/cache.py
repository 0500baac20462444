"""`envmgr cache`: list and clear the download cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import open_context, print_outcome, print_result
from envmgr.cli.output import progress, table
from envmgr.cli.output.units import size
from envmgr.ops import cache

if TYPE_CHECKING:
    from envmgr.cli.console import Document
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.cache import Cache


def run_dir(options: Options) -> int:
    """Print the cache directory."""
    path = open_context(options).paths.cache
    return print_result(options, "cache-dir", lambda: {"path": path}, lambda _style, _width: [path])


def run_list(options: Options) -> int:
    """Print the cached files."""
    content = cache.show(open_context(options))
    return print_result(
        options, "cache-list", lambda: _document(content), lambda style, width: _lines(content, style, width)
    )


def run_clear(options: Options) -> int:
    """Remove all cached files."""
    with progress.show_progress(options) as display:
        content = cache.clear(open_context(options, display))
    return print_outcome(
        options,
        "cache-clear",
        lambda: _document(content),
        lambda _style, _width: [f"removed {size(content.bytes)} from {content.path}"],
    )


def _document(content: Cache) -> Document:
    entries = [
        {"name": entry.name, "kind": entry.kind, "source": entry.source, "bytes": entry.bytes}
        for entry in content.entries
    ]
    return {"path": content.path, "bytes": content.bytes, "entries": entries}


def _lines(content: Cache, style: Style, width: int) -> list[str]:
    sizes = [size(entry.bytes) for entry in content.entries]
    width_of_sizes = max((len(text) for text in sizes), default=0)
    rows = [
        (("", text.rjust(width_of_sizes)), ("bold", entry.kind), ("", entry.source))
        for text, entry in zip(sizes, content.entries, strict=True)
    ]
    return [*table.render(rows, width, style), f"{size(content.bytes)} in {content.path}"]
