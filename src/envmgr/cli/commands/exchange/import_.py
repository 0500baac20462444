"""`envmgr import`: write `.envmgr` from files of other version managers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import display_path, open_context, print_outcome, print_status
from envmgr.ops.exchange.import_requests import import_requests

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.exchange.import_requests import ImportedRequest, SkippedEntry


def run(options: Options, file: str | None, *, force: bool) -> int:
    """Write the dotfile; print what was not imported to stderr."""
    context = open_context(options)
    result = import_requests(context, file, force=force)
    cwd = context.environment.cwd
    for item in result.skipped:
        print_status(options, f"not imported: {_origin(item, cwd)}: {item.name}: {item.reason}")
    return print_outcome(
        options,
        "import",
        lambda: {
            "path": result.path,
            "requests": [
                {"tool": item.tool, "request": item.spec, "file": item.file, "line": item.line}
                for item in result.requests
            ],
            "skipped": [
                {"name": item.name, "reason": item.reason, "file": item.file, "line": item.line}
                for item in result.skipped
            ],
        },
        lambda style, _: [
            f"wrote {display_path(result.path, cwd)}; run `envmgr install` to install and lock its tools",
            *(
                f"  {style.paint('bold', item.tool)} {item.spec} ({_origin(item, cwd)})"
                for item in result.requests
            ),
        ],
    )


def _origin(item: ImportedRequest | SkippedEntry, cwd: str) -> str:
    path = display_path(item.file, cwd)
    return f"{path}:{item.line}" if item.line else path
