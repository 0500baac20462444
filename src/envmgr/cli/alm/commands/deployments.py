"""`envmgr alm deployments`: what was deployed, how it went, and the next step of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.client.fields import number, text, text_or_none, word
from envmgr.cli.alm.commands.deploy import deployed_lines, entry
from envmgr.cli.alm.connection import connected
from envmgr.cli.alm.output.record_table import Columns
from envmgr.cli.alm.output.symbols import colour, marks_for
from envmgr.cli.alm.output.text import facts, note_more, plain, section
from envmgr.cli.alm.output.times import since, when
from envmgr.cli.console import report, show
from envmgr.ops.alm import deployments, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.alm.client.fields import Document
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.cli.output.table import Cell
    from envmgr.ops.alm.deployments import DeploymentShown


_LISTED = (5, 1, 2)
"""What gives way in the list: the words, the version, the environment."""


def run_list(options: Options, which: deployments.Filter, limit: int) -> int:
    """Show deployments, newest first."""
    with connected(options) as api:
        if which.environment is not None:
            resolve.require_environment(api, refs.check_environment(which.environment))
        found, now = deployments.listing(api, which, limit), time.time()
    code = show(
        options,
        "alm-deployments-list",
        lambda: {"deployments": found.items, "more": found.more},
        lambda style, width: (
            Columns(style, width, _LISTED).lines([_row(one, now, style) for one in found.items])
            or [
                "no deployment"
                if which == deployments.Filter()
                else "no deployment matches what was asked for"
            ]
        ),
    )
    if found.more:
        note_more(options, f"the newest {len(found.items)} deployments")
    return code


def _row(one: Document, now: float, style: Style) -> tuple[Cell, ...]:
    status = word(one, "status")
    return (
        ("dim", str(number(one, "id"))),
        ("bold", f"{word(one, 'app')}@{word(one, 'tag')}"),
        ("", word(one, "environment")),
        (colour(status), _state(status, style)),
        ("dim", since(text(one, "updated_at"), now)),
        ("", " ".join(filter(None, (plain(text(one, "actor")), plain(text(one, "reason")))))),
    )


def _state(status: str, style: Style) -> str:
    mark = marks_for(style).states.get(status)
    return f"{mark} {status}" if mark and mark != "ok" else status


def run_show(options: Options, deployment_id: int) -> int:
    """Show a deployment and its history."""
    with connected(options) as api:
        found = deployments.show(api, deployment_id)
    return show(
        options,
        "alm-deployments-show",
        lambda: {"deployment": found.deployment, "history": found.history},
        lambda style, width: _shown(found, style, width),
    )


def _shown(found: DeploymentShown, style: Style, width: int) -> Iterator[str]:
    one = found.deployment
    arrow = marks_for(style).arrow
    yield style.paint("bold", f"{word(one, 'app')}@{word(one, 'tag')} {arrow} {word(one, 'environment')}")
    status = word(one, "status")
    about = [
        ("number", str(number(one, "id"))),
        ("version", str(number(one, "version_id"))),
        ("by", plain(text(one, "actor"))),
        ("reason", plain(text(one, "reason"))),
        ("created", when(text(one, "created_at"))),
        ("finished", when(text_or_none(one, "finished_at") or "")),
    ]
    yield f"  {style.paint(colour(status), _state(status, style))}"
    yield from facts(about, style, width)
    rows = [_step(step, style) for step in found.history]
    yield from section("history", Columns(style, width - 2, (3, 2)).lines(rows), style)


def _step(step: Document, style: Style) -> tuple[Cell, ...]:
    status = word(step, "status")
    return (
        ("dim", when(text(step, "created_at"))),
        (colour(status), _state(status, style)),
        ("", plain(text(step, "actor"))),
        ("", plain(text(step, "reason"))),
    )


def run_update(options: Options, deployment_id: int, status: str, reason: str) -> int:
    """Take a deployment a step, or the steps that are needed, further."""
    with connected(options) as api:
        done = deployments.advance(api, deployment_id, status, reason)
    return report(
        options,
        "alm-deployments-update",
        lambda: entry(done),
        lambda style, width: deployed_lines(done, style, width),
    )
