"""`envmgr plugin`: manifests of tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envmgr.cli import table
from envmgr.cli.session import open_context, say, show
from envmgr.kit.errors import ManifestError, UsageError
from envmgr.ops import plugins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.catalog.manifest import Manifest
    from envmgr.cli.options import Options


def run_add(options: Options, words: Sequence[str], *, trust: bool) -> int:
    """Add a manifest: NAME SOURCE, or NAME VERSIONS_URL BIN_TEMPLATE [DOWNLOAD_TEMPLATE]."""
    context = open_context(options)
    name, *rest = words
    if len(rest) == 1:
        manifest = plugins.add(context, name, rest[0], trust=trust or options.yes)
    elif len(rest) in {2, 3}:
        manifest = plugins.add_parts(context, name, rest[0], rest[1], rest[2] if len(rest) > 2 else None)  # noqa: PLR2004 - the optional third
    else:
        raise UsageError(
            "plugin add takes a name and a source, or a name, a versions URL and a bin path template",
            "for example: envmgr plugin add nodejs ./nodejs.json",
        )
    say(options, f"added {manifest.name}: `envmgr list --remote {manifest.name}` shows its versions")
    return show(options, "plugin-add", lambda: _entry(manifest), lambda _style, _width: [])


def run_list(options: Options) -> int:
    """Show every tool that has a manifest."""
    found = plugins.show_all(open_context(options))
    return show(
        options,
        "plugin-list",
        lambda: {"plugins": [_entry(one) for one in found]},
        lambda style, width: table.render(
            [(("bold", one.name), ("dim", _kind(one)), ("", one.description)) for one in found], width, style
        ),
    )


def run_show(options: Options, name: str) -> int:
    """Show one manifest as it is written."""
    context = open_context(options)
    manifest = plugins.show(context, name)
    text = plugins.text_of(manifest)
    return show(
        options,
        "plugin-show",
        lambda: {**_entry(manifest), "manifest": json.loads(text)},
        lambda _style, _width: text.rstrip("\n").split("\n"),
    )


def run_remove(options: Options, name: str) -> int:
    """Remove a manifest the user added."""
    path = plugins.remove(open_context(options), name)
    say(options, f"removed {path}")
    return show(options, "plugin-remove", lambda: {"name": name, "path": path}, lambda _style, _width: [])


def run_lint(options: Options, target: str) -> int:
    """Report every issue of a manifest at once."""
    issues = plugins.lint(open_context(options), target)
    if issues and not options.json:
        raise ManifestError(target, issues, "docs/plugins.md describes every field")
    show(
        options,
        "plugin-lint",
        lambda: {"manifest": target, "issues": list(issues)},
        lambda _style, _width: [f"{target} is valid"],
    )
    return 1 if issues else 0


def _kind(one: Manifest) -> str:
    return "built in" if one.builtin else one.origin


def _entry(one: Manifest) -> dict[str, object]:
    return {
        "name": one.name,
        "description": one.description,
        "builtin": one.builtin,
        "origin": one.origin,
        "digest": one.digest,
    }
