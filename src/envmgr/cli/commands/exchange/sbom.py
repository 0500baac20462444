"""`envmgr sbom`: print the locked toolchain as a software bill of materials."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from envmgr.cli.console import display_path, format_json, open_context, print_outcome
from envmgr.cli.output import progress
from envmgr.cli.output.units import count_of
from envmgr.kit.fs import write_in_place
from envmgr.ops.exchange.sbom import create_sbom

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.exchange.sbom import Sbom
    from envmgr.resolve.context import Context


def run(options: Options, format_name: str, output: str | None) -> int:
    """Print the document, or write it to a file."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        sbom = create_sbom(context, format_name)
    if output is not None:
        return _write(options, context, sbom, output)
    if options.json:
        return print_outcome(
            options, "sbom", lambda: {**_to_json(sbom), "document": sbom.document}, lambda *_: []
        )
    sys.stdout.write(format_json(sbom.document))
    return 0


def _write(options: Options, context: Context, sbom: Sbom, output: str) -> int:
    path = os.path.join(context.environment.cwd, output)
    is_changed = write_in_place(path, format_json(sbom.document))
    name = display_path(path, context.environment.cwd)
    verb = "wrote" if is_changed else "unchanged:"
    return print_outcome(
        options,
        "sbom",
        lambda: {**_to_json(sbom), "path": path, "changed": is_changed},
        lambda *_: [f"{verb} {name} ({count_of(sbom.tool_count, 'tool')})"],
    )


def _to_json(sbom: Sbom) -> dict[str, object]:
    return {"format": sbom.format, "tools": sbom.tool_count}
