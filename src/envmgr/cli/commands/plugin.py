"""`envmgr plugin`: manifests of tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envmgr.cli.console import confirm_with, open_context, print_outcome, print_result, print_status
from envmgr.cli.output import progress, table
from envmgr.kit.errors import ManifestError, UsageError
from envmgr.ops import plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envmgr.catalog.manifest import Manifest
    from envmgr.cli.options import Options
    from envmgr.resolve.context import Context


def run_add(options: Options, words: Sequence[str], *, trust: bool) -> int:
    """Add a manifest: NAME SOURCE, or NAME VERSIONS_URL BIN_TEMPLATE [DOWNLOAD_TEMPLATE]."""
    with progress.show_progress(options) as watcher:
        context = open_context(options, watcher)
        may_trust = (lambda _: True) if trust else confirm_with(options, "n")
        manifest = _added(context, words, may_trust)
    print_status(options, f"added {manifest.name}: `envmgr list --remote {manifest.name}` shows its versions")
    return print_result(options, "plugin-add", lambda: _entry(context, manifest), lambda _style, _width: [])


def _added(context: Context, words: Sequence[str], may_trust: Callable[[str], bool]) -> Manifest:
    name, *rest = words
    match rest:
        case [source]:
            return plugins.add(context, name, source, may_trust)
        case [versions_url, bin_template]:
            return plugins.add_parts(context, name, versions_url, bin_template, None)
        case [versions_url, bin_template, download_template]:
            return plugins.add_parts(context, name, versions_url, bin_template, download_template)
    raise UsageError(
        "plugin add takes a name and a source, or a name, a versions URL and a bin path template",
        "for example: envmgr plugin add nodejs ./nodejs.json",
    )


def run_list(options: Options) -> int:
    """Show every tool that has a manifest."""
    context = open_context(options)
    found = plugins.show_all(context)
    return print_result(
        options,
        "plugin-list",
        lambda: {"plugins": [_entry(context, one) for one in found]},
        lambda style, width: table.render(
            [_row(context, one) for one in found], width, style, cut=table.truncate_end
        ),
    )


def _row(context: Context, one: Manifest) -> tuple[table.Cell, ...]:
    whose = plugins.scope(context, one)
    return (("bold", one.name), ("dim" if whose == "built-in" else "cyan", whose), ("", one.description))


def run_show(options: Options, name: str) -> int:
    """Show one manifest as it is written."""
    context = open_context(options)
    manifest = plugins.show(context, name)
    text = plugins.text_of(manifest)
    return print_result(
        options,
        "plugin-show",
        lambda: {**_entry(context, manifest), "manifest": json.loads(text)},
        lambda _style, _width: text.rstrip("\n").split("\n"),
    )


def run_remove(options: Options, name: str) -> int:
    """Remove a manifest the user added."""
    path = plugins.remove(open_context(options), name)
    print_status(options, f"removed {path}")
    return print_result(
        options, "plugin-remove", lambda: {"name": name, "path": path}, lambda _style, _width: []
    )


def run_lint(options: Options, target: str) -> int:
    """Report every issue of a manifest at once."""
    found = plugins.lint(open_context(options), target)
    if found.errors and not options.json:
        raise ManifestError(target, found.errors, "docs/plugins.md describes every field")
    for warning in () if options.json else found.warnings:
        print_status(options, f"warning: {warning}")
    print_outcome(
        options,
        "plugin-lint",
        lambda: {"manifest": target, "issues": [*found.errors], "warnings": [*found.warnings]},
        lambda _style, _width: [f"{target} is valid"],
    )
    return 1 if found.errors else 0


def _entry(context: Context, one: Manifest) -> dict[str, object]:
    return {
        "name": one.name,
        "description": one.description,
        "builtin": one.builtin,
        "whose": plugins.scope(context, one),
        "origin": one.origin,
        "digest": one.digest,
    }
