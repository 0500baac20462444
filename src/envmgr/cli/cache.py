"""`envmgr cache`: the download cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.session import open_context, show
from envmgr.ops import cache

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.cache import Cache


def run_dir(options: Options) -> int:
    """Print the cache's directory."""
    path = open_context(options).paths.cache
    return show(options, "cache-dir", lambda: {"path": path}, lambda _style, _width: [path])


def run_list(options: Options) -> int:
    """Show what is cached."""
    return _show(options, "cache-list", cache.show(open_context(options)), "in")


def run_clear(options: Options) -> int:
    """Remove what is cached."""
    return _show(options, "cache-clear", cache.clear(open_context(options)), "removed from")


def _show(options: Options, command: str, held: Cache, how: str) -> int:
    listed = [f"{size(entry.bytes):>10}  {entry.name}" for entry in held.entries] if how == "in" else []
    return show(
        options,
        command,
        lambda: {
            "path": held.path,
            "bytes": held.bytes,
            "entries": [{"name": entry.name, "bytes": entry.bytes} for entry in held.entries],
        },
        lambda _style, _width: [*listed, f"{size(held.bytes)} {how} {held.path}"],
    )


def size(count: int) -> str:
    """Spell a number of bytes in the unit that suits it."""
    units = iter(("B", "KiB", "MiB", "GiB", "TiB"))
    amount, unit = float(count), next(units)
    while amount >= 1024 and unit != "TiB":  # noqa: PLR2004 - bytes to a kibibyte
        amount, unit = amount / 1024, next(units)
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
