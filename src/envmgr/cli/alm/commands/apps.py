"""`envmgr alm apps`: list, show, create, update and delete apps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_int, get_name, get_object_or_none, get_str
from envmgr.cli.alm import prompts
from envmgr.cli.alm.commands.versions import version_lines
from envmgr.cli.alm.connection import alm_client, with_conflict_hint
from envmgr.cli.alm.output.record_table import RecordTable
from envmgr.cli.alm.output.symbols import colour, symbols_for
from envmgr.cli.alm.output.text import escape_line, key_values, print_truncation_note, section
from envmgr.cli.alm.output.times import since, when
from envmgr.cli.console import print_outcome, print_result
from envmgr.kit.errors import UsageError
from envmgr.ops.alm import apps, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.alm.client.fields import Document
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.cli.output.table import Cell
    from envmgr.ops.alm.apps import AppDetails


def run_list(options: Options, limit: int) -> int:
    """Print apps by name."""
    with alm_client(options) as api:
        result, now = apps.listing(api, limit), time.time()
    code = print_result(
        options,
        "alm-apps-list",
        lambda: {"apps": result.items, "more": result.more},
        lambda style, width: (
            RecordTable(style, width, (1, 0)).lines([_row(app, now) for app in result.items])
            or ["no apps yet; run `envmgr alm push` in a project"]
        ),
    )
    if result.more:
        print_truncation_note(options, f"first {len(result.items)} apps")
    return code


def _row(app: Document, now: float) -> tuple[Cell, ...]:
    return (
        ("bold", get_name(app, "name")),
        ("", escape_line(get_str(app, "description"))),
        ("dim", since(get_str(app, "created_at"), now)),
    )


def run_show(options: Options, ref: str) -> int:
    """Print an app, its placements and latest versions."""
    with alm_client(options) as api:
        result, now = apps.show(api, ref), time.time()
    return print_result(
        options,
        "alm-apps-show",
        lambda: {
            "app": result.app,
            "placements": result.placements,
            "versions": result.versions.items,
            "more_versions": result.versions.more,
        },
        lambda style, width: _detail_lines(result, now, style, width),
    )


def _detail_lines(result: AppDetails, now: float, style: Style, width: int) -> Iterator[str]:
    app = result.app
    yield style.paint("bold", get_name(app, "name"))
    values = [
        ("description", escape_line(get_str(app, "description"))),
        ("id", str(get_int(app, "id"))),
        ("created", when(get_str(app, "created_at"))),
        ("updated", when(get_str(app, "updated_at"))),
    ]
    yield from key_values(values, style, width)
    placements = [_placement_row(placement, now, style) for placement in result.placements]
    yield from section("deployed to", RecordTable(style, width - 2, (2, 0)).lines(placements), style)
    lines = version_lines(result.versions.items, now, style, width - 2)
    title = "latest versions" if result.versions.more else "versions"
    yield from section(title, lines, style)


def _placement_row(placement: Document, now: float, style: Style) -> tuple[Cell, ...]:
    cell = get_object_or_none(placement, "current") or get_object_or_none(placement, "last") or {}
    status = get_name(cell, "status")
    return (
        ("", get_name(placement, "environment")),
        (colour(status), symbols_for(style).state(status)),
        ("bold", get_name(cell, "tag")),
        ("dim", since(get_str(cell, "updated_at"), now)),
    )


def run_create(options: Options, name: str, description: str, version: str | None) -> int:
    """Register an app."""
    hint = f"run `envmgr alm apps show {name}` for details, or pass another name"
    with alm_client(options) as api, with_conflict_hint(hint):
        app = apps.create(api, name, description, version)
    return print_outcome(options, "alm-apps-create", lambda: {"app": app}, lambda *_: [f"registered {name}"])


def run_update(options: Options, ref: str, name: str | None, description: str | None) -> int:
    """Change an app's name or description."""
    if name is None and description is None:
        raise UsageError(
            "nothing to update: pass --name or --description",
            "for example: envmgr alm apps update shop --name store",
        )
    hint = "pass another name; run `envmgr alm apps list` to list existing ones"
    with alm_client(options) as api, with_conflict_hint(hint):
        app = apps.update(api, ref, name, description)
    return print_outcome(
        options, "alm-apps-update", lambda: {"app": app}, lambda *_: [f"updated {get_name(app, 'name')}"]
    )


def run_delete(options: Options, ref: str, *, force: bool) -> int:
    """Delete an app after confirmation."""
    with alm_client(options) as api:
        app = resolve.find_app(api, ref)
        name = get_name(app, "name")
        prompts.confirm_deletion(options, f"app {name} and all its versions")
        with with_conflict_hint(
            f"run `envmgr alm apps show {name}` to see its placements; pass --force to delete it anyway"
        ):
            apps.delete(api, app, force=force)
    return print_outcome(options, "alm-apps-delete", lambda: {"app": app}, lambda *_: [f"deleted {name}"])
