"""`envmgr plugin update`: manifests read again from their sources."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.cli.console import confirm_with, open_context, print_outcome, print_status
from envmgr.cli.output import progress
from envmgr.ops.catalog import plugin_update, plugins
from envmgr.ops.catalog.plugin_update import UpdateOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.cli.options import Options
    from envmgr.ops.catalog.plugin_update import PluginUpdate


def run(options: Options, names: Sequence[str], *, trust: bool, project: bool, dry_run: bool) -> int:
    """Print the differences of updated manifests; return 1 if one cannot be updated."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        directory = plugins.project_directory(context) if project else plugins.user_directory(context)
        may_trust = (lambda _: True) if trust else confirm_with(options, "n")
        updates = plugin_update.update(context, directory, names, UpdateOptions(may_trust, dry_run))
    for message in _messages(updates, dry_run=dry_run):
        print_status(options, message)
    print_outcome(
        options,
        "plugin-update",
        lambda: {"dry_run": dry_run, "plugins": [_to_json(update) for update in updates]},
        lambda _style, _width: [line for update in updates for line in update.difference.splitlines()],
    )
    failures = [update for update in updates if update.error]
    if not options.json:
        sys.stderr.writelines(_error_lines(failures))
    return 1 if failures else 0


def _messages(updates: Sequence[PluginUpdate], *, dry_run: bool) -> Iterator[str]:
    if not updates:
        yield "no manifest has a recorded source; `envmgr plugin add NAME SOURCE` records it"
    for update in updates:
        if update.status == "unchanged":
            yield f"{update.name} is up to date ({update.source})"
        elif update.status == "updated":
            yield f"{'would update' if dry_run else 'updated'} {update.name} from {update.source}"


def _error_lines(failures: Sequence[PluginUpdate]) -> Iterator[str]:
    for update in failures:
        if update.error:
            yield f"error: {update.name} was not updated: {update.error.message}\n"
            yield f"hint: {update.error.hint}\n" if update.error.hint else ""


def _to_json(update: PluginUpdate) -> dict[str, object]:
    error = update.error
    return {
        "name": update.name,
        "source": update.source,
        "status": update.status,
        "digest": update.digest,
        "difference": update.difference,
        "error": {"code": error.code, "message": error.message, "hint": error.hint} if error else None,
    }
