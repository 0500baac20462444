"""`envmgr alm apps`: what there is, and changes to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import number, part_or_none, text, word
from envmgr.cli.alm import prompts
from envmgr.cli.alm.commands.versions import version_lines
from envmgr.cli.alm.connection import connected, leading_on
from envmgr.cli.alm.output.record_table import Columns
from envmgr.cli.alm.output.symbols import colour, marks_for
from envmgr.cli.alm.output.text import facts, note_more, plain, section
from envmgr.cli.alm.output.times import since, when
from envmgr.cli.console import report, show
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
    with connected(options) as api:
        found, now = apps.listing(api, limit), time.time()
    code = show(
        options,
        "alm-apps-list",
        lambda: {"apps": found.items, "more": found.more},
        lambda style, width: (
            Columns(style, width, (1, 0)).lines([_row(app, now) for app in found.items])
            or ["no app yet: `envmgr alm push` registers the one that is here"]
        ),
    )
    if found.more:
        note_more(options, f"the first {len(found.items)} apps")
    return code


def _row(app: Document, now: float) -> tuple[Cell, ...]:
    return (
        ("bold", word(app, "name")),
        ("", plain(text(app, "description"))),
        ("dim", since(text(app, "created_at"), now)),
    )


def run_show(options: Options, ref: str) -> int:
    """Show an app, where it stands, and its newest versions."""
    with connected(options) as api:
        found, now = apps.show(api, ref), time.time()
    return show(
        options,
        "alm-apps-show",
        lambda: {
            "app": found.app,
            "places": found.places,
            "versions": found.versions.items,
            "more_versions": found.versions.more,
        },
        lambda style, width: _shown(found, now, style, width),
    )


def _shown(found: AppShown, now: float, style: Style, width: int) -> Iterator[str]:
    app = found.app
    yield style.paint("bold", word(app, "name"))
    about = [
        ("description", plain(text(app, "description"))),
        ("number", str(number(app, "id"))),
        ("created", when(text(app, "created_at"))),
        ("updated", when(text(app, "updated_at"))),
    ]
    yield from facts(about, style, width)
    places = [_place(place, now, style) for place in found.places]
    yield from section("deployed to", Columns(style, width - 2, (2, 0)).lines(places), style)
    lines = version_lines(found.versions.items, now, style, width - 2)
    title = "newest versions" if found.versions.more else "versions"
    yield from section(title, lines, style)


def _place(place: Document, now: float, style: Style) -> tuple[Cell, ...]:
    cell = part_or_none(place, "current") or part_or_none(place, "last") or {}
    status = word(cell, "status")
    return (
        ("", word(place, "environment")),
        (colour(status), marks_for(style).state(status)),
        ("bold", word(cell, "tag")),
        ("dim", since(text(cell, "updated_at"), now)),
    )


def run_create(options: Options, name: str, description: str, version: str | None) -> int:
    """Register an app."""
    there_is = f"`envmgr alm apps show {name}` shows it; choose another name for another app"
    with connected(options) as api, leading_on(there_is):
        app = apps.create(api, name, description, version)
    return report(options, "alm-apps-create", lambda: {"app": app}, lambda *_: [f"registered {name}"])


def run_update(options: Options, ref: str, name: str | None, description: str | None) -> int:
    """Change an app's name or description."""
    if name is None and description is None:
        raise UsageError(
            "nothing to change was given", "for example: envmgr alm apps update shop --name store"
        )
    taken = "choose another name; `envmgr alm apps list` shows those that are taken"
    with connected(options) as api, leading_on(taken):
        app = apps.update(api, ref, name, description)
    return report(
        options, "alm-apps-update", lambda: {"app": app}, lambda *_: [f"changed {word(app, 'name')}"]
    )


def run_delete(options: Options, ref: str, *, force: bool) -> int:
    """Delete an app, after asking."""
    with connected(options) as api:
        app = resolve.app(api, ref)
        name = word(app, "name")
        prompts.deletion(options, f"the app {name} and all its versions")
        with leading_on(f"`envmgr alm apps show {name}` shows where; --force deletes it all the same"):
            apps.delete(api, app, force=force)
    return report(options, "alm-apps-delete", lambda: {"app": app}, lambda *_: [f"deleted {name}"])
