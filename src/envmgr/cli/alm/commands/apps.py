"""`envmgr alm apps`: what there is, and changes to it."""

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
    from envmgr.ops.alm.apps import AppShown


def run_list(options: Options, limit: int) -> int:
    """Show apps by name."""
    with alm_client(options) as api:
        found, now = apps.listing(api, limit), time.time()
    code = print_result(
        options,
        "alm-apps-list",
        lambda: {"apps": found.items, "more": found.more},
        lambda style, width: (
            RecordTable(style, width, (1, 0)).lines([_row(app, now) for app in found.items])
            or ["no app yet: `envmgr alm push` registers the one that is here"]
        ),
    )
    if found.more:
        print_truncation_note(options, f"the first {len(found.items)} apps")
    return code


def _row(app: Document, now: float) -> tuple[Cell, ...]:
    return (
        ("bold", get_name(app, "name")),
        ("", escape_line(get_str(app, "description"))),
        ("dim", since(get_str(app, "created_at"), now)),
    )


def run_show(options: Options, ref: str) -> int:
    """Show an app, where it stands, and its newest versions."""
    with alm_client(options) as api:
        found, now = apps.show(api, ref), time.time()
    return print_result(
        options,
        "alm-apps-show",
        lambda: {
            "app": found.app,
            "placements": found.places,
            "versions": found.versions.items,
            "more_versions": found.versions.more,
        },
        lambda style, width: _shown(found, now, style, width),
    )


def _shown(found: AppShown, now: float, style: Style, width: int) -> Iterator[str]:
    app = found.app
    yield style.paint("bold", get_name(app, "name"))
    about = [
        ("description", escape_line(get_str(app, "description"))),
        ("number", str(get_int(app, "id"))),
        ("created", when(get_str(app, "created_at"))),
        ("updated", when(get_str(app, "updated_at"))),
    ]
    yield from key_values(about, style, width)
    places = [_place(place, now, style) for place in found.places]
    yield from section("deployed to", RecordTable(style, width - 2, (2, 0)).lines(places), style)
    lines = version_lines(found.versions.items, now, style, width - 2)
    title = "newest versions" if found.versions.more else "versions"
    yield from section(title, lines, style)


def _place(place: Document, now: float, style: Style) -> tuple[Cell, ...]:
    cell = get_object_or_none(place, "current") or get_object_or_none(place, "last") or {}
    status = get_name(cell, "status")
    return (
        ("", get_name(place, "environment")),
        (colour(status), symbols_for(style).state(status)),
        ("bold", get_name(cell, "tag")),
        ("dim", since(get_str(cell, "updated_at"), now)),
    )


def run_create(options: Options, name: str, description: str, version: str | None) -> int:
    """Register an app."""
    there_is = f"`envmgr alm apps show {name}` shows it; choose another name for another app"
    with alm_client(options) as api, with_conflict_hint(there_is):
        app = apps.create(api, name, description, version)
    return print_outcome(options, "alm-apps-create", lambda: {"app": app}, lambda *_: [f"registered {name}"])


def run_update(options: Options, ref: str, name: str | None, description: str | None) -> int:
    """Change an app's name or description."""
    if name is None and description is None:
        raise UsageError(
            "nothing to change was given", "for example: envmgr alm apps update shop --name store"
        )
    taken = "choose another name; `envmgr alm apps list` shows those that are taken"
    with alm_client(options) as api, with_conflict_hint(taken):
        app = apps.update(api, ref, name, description)
    return print_outcome(
        options, "alm-apps-update", lambda: {"app": app}, lambda *_: [f"changed {get_name(app, 'name')}"]
    )


def run_delete(options: Options, ref: str, *, force: bool) -> int:
    """Delete an app, after asking."""
    with alm_client(options) as api:
        app = resolve.find_app(api, ref)
        name = get_name(app, "name")
        prompts.deletion(options, f"the app {name} and all its versions")
        with with_conflict_hint(
            f"`envmgr alm apps show {name}` shows where; --force deletes it all the same"
        ):
            apps.delete(api, app, force=force)
    return print_outcome(options, "alm-apps-delete", lambda: {"app": app}, lambda *_: [f"deleted {name}"])
