"""`envmgr plugin`: manage tool manifests."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from envmgr.cli import recorded_results
from envmgr.cli.console import (
    confirm_with,
    display_path,
    format_result,
    open_context,
    print_outcome,
    print_result,
    print_status,
)
from envmgr.cli.output import progress, wrapped_table
from envmgr.kit.errors import ManifestError, UsageError
from envmgr.ops.catalog import plugins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.catalog.manifest import Manifest
    from envmgr.cli.options import Options
    from envmgr.cli.output.table import Cell
    from envmgr.ops.catalog.plugins import AddedManifest
    from envmgr.ops.confirmation import Confirm
    from envmgr.resolve.context import Context


def run_add(options: Options, args: Sequence[str], *, trust: bool, project: bool) -> int:
    """Add a manifest: NAME SOURCE, or NAME VERSIONS_URL BIN_TEMPLATE [DOWNLOAD_TEMPLATE]."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        may_trust = (lambda _: True) if trust else confirm_with(options, "n")
        added = _add(context, args, _directory(context, project=project), may_trust)
    for message in _messages(context, added, f"plugin remove {'--project ' if project else ''}"):
        print_status(options, message)
    return print_result(
        options,
        "plugin-add",
        lambda: {
            **_to_json(context, added.manifest),
            "shadows": added.shadows,
            "shadowed_by": added.shadowed_by,
        },
        lambda _style, _width: [],
    )


def _directory(context: Context, *, project: bool) -> str:
    return plugins.project_directory(context) if project else plugins.user_directory(context)


def _messages(context: Context, added: AddedManifest, removal: str) -> Iterator[str]:
    name, path = added.manifest.name, display_path(added.manifest.origin, context.environment.cwd)
    yield f"added {name} to {path}; run `envmgr list --remote {name}` to list versions"
    if added.shadows:
        yield f"warning: it shadows {added.shadows}; `envmgr {removal}{name}` restores that"
    if added.shadowed_by:
        yield f"warning: it is not used here: {added.shadowed_by} takes precedence"


def _add(context: Context, args: Sequence[str], directory: str, may_trust: Confirm) -> AddedManifest:
    name, *parts = args
    match parts:
        case [source]:
            return plugins.add(context, name, source, directory, may_trust)
        case [versions_url, bin_template]:
            return plugins.add_parts(context, name, versions_url, bin_template, None, directory)
        case [versions_url, bin_template, download_template]:
            return plugins.add_parts(context, name, versions_url, bin_template, download_template, directory)
    raise UsageError(
        "usage: plugin add NAME SOURCE | NAME VERSIONS_URL BIN_TEMPLATE [DOWNLOAD_TEMPLATE]",
        "for example: envmgr plugin add nodejs ./nodejs.json",
    )


def run_list(options: Options) -> int:
    """Print all tools that have a manifest."""
    context = open_context(options)
    manifests = plugins.show_all(context)
    output = format_result(
        options,
        "plugin-list",
        lambda: {"plugins": [_to_json(context, manifest) for manifest in manifests]},
        lambda style, width: wrapped_table.render(
            [_row(context, manifest) for manifest in manifests], width, style
        ),
    )
    sys.stdout.write(output)
    recorded_results.record(options, context, output)
    return 0


def _row(context: Context, manifest: Manifest) -> tuple[Cell, ...]:
    scope = plugins.scope(context, manifest)
    return (
        ("bold", manifest.name),
        ("dim" if scope == "built-in" else "cyan", scope),
        ("", manifest.description),
    )


def run_show(options: Options, name: str) -> int:
    """Print a manifest verbatim."""
    context = open_context(options)
    manifest = plugins.show(context, name)
    text = plugins.text_of(manifest)
    return print_result(
        options,
        "plugin-show",
        lambda: {**_to_json(context, manifest), "manifest": json.loads(text)},
        lambda _style, _width: text.rstrip("\n").split("\n"),
    )


def run_remove(options: Options, name: str, *, project: bool) -> int:
    """Remove a manifest that was added."""
    context = open_context(options)
    path = plugins.remove(context, name, _directory(context, project=project))
    print_status(options, f"removed {path}")
    return print_result(
        options, "plugin-remove", lambda: {"name": name, "path": path}, lambda _style, _width: []
    )


def run_lint(options: Options, target: str) -> int:
    """Print all issues of a manifest; return 1 if it has an error."""
    report = plugins.lint(open_context(options), target)
    if report.errors and not options.json:
        raise ManifestError(target, report.errors, "see docs/plugins.md")
    for warning in () if options.json else report.warnings:
        print_status(options, f"warning: {warning}")
    print_outcome(
        options,
        "plugin-lint",
        lambda: {"manifest": target, "issues": [*report.errors], "warnings": [*report.warnings]},
        lambda _style, _width: [f"{target} is valid"],
    )
    return 1 if report.errors else 0


def _to_json(context: Context, manifest: Manifest) -> dict[str, object]:
    return {
        "name": manifest.name,
        "description": manifest.description,
        "builtin": manifest.builtin,
        "scope": plugins.scope(context, manifest),
        "origin": manifest.origin,
        "digest": manifest.digest,
    }
