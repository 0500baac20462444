"""`envmgr bundle`: a locked environment in one file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.cli.commands.install import result_json, result_lines
from envmgr.cli.console import display_path, open_context, print_outcome
from envmgr.cli.output import progress
from envmgr.cli.output.units import count_of, size
from envmgr.kit.frozen import replace
from envmgr.ops.exchange.create_bundle import create_bundle
from envmgr.ops.exchange.load_bundle import load_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.exchange.load_bundle import LoadedBundle


def run_create(options: Options, file: str, platforms: Sequence[str]) -> int:
    """Write a bundle of the project."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        bundle = create_bundle(
            context, os.path.normpath(os.path.join(context.environment.cwd, file)), platforms
        )
    name = display_path(bundle.path, context.environment.cwd)
    tools = count_of(bundle.version_count, "tool")
    return print_outcome(
        options,
        "bundle-create",
        lambda: {
            "path": bundle.path,
            "platforms": list(bundle.platforms),
            "versions": bundle.version_count,
            "bytes": bundle.size,
        },
        lambda *_: [f"wrote {name}: {tools} for {', '.join(bundle.platforms)}, {size(bundle.size)}"],
    )


def run_load(options: Options, file: str, *, force: bool) -> int:
    """Install from a bundle, never using the network."""
    with progress.show_progress(options) as display:
        context = open_context(replace(options, offline=True), display)
        bundle = load_bundle(
            context, os.path.normpath(os.path.join(context.environment.cwd, file)), force=force
        )
    cwd = context.environment.cwd
    return print_outcome(
        options,
        "bundle-load",
        lambda: {
            "files": list(bundle.files),
            "changed": list(bundle.changed),
            **result_json(bundle.result),
        },
        lambda style, _: _lines(bundle, cwd, style),
    )


def _lines(bundle: LoadedBundle, cwd: str, style: Style) -> Iterator[str]:
    for path in bundle.changed:
        yield f"wrote {display_path(path, cwd)}"
    yield from result_lines(bundle.result, style)
