"""`envmgr alm deployments`: what was deployed, how it went, and the next step of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.client.fields import get_int, get_name, get_str, get_str_or_none
from envmgr.cli.alm.commands.deploy import deployed_lines, deployment_json
from envmgr.cli.alm.connection import alm_client
from envmgr.cli.alm.output.record_table import RecordTable
from envmgr.cli.alm.output.symbols import colour, symbols_for
from envmgr.cli.alm.output.text import escape_line, key_values, print_truncation_note, section
from envmgr.cli.alm.output.times import since, when
from envmgr.cli.console import print_outcome, print_result
from envmgr.ops.alm import deployments, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.alm.client.fields import Document
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.cli.output.table import Cell
    from envmgr.ops.alm.deployments import DeploymentShown


_SHRINKABLE_COLUMNS = (5, 1, 2)
"""What gives way in the list: the words, the version, the environment."""


def run_list(options: Options, which: deployments.Filter, limit: int) -> int:
    """Show deployments, newest first."""
    with alm_client(options) as api:
        if which.environment is not None:
            resolve.require_environment(api, refs.check_environment(which.environment))
        found, now = deployments.listing(api, which, limit), time.time()
    code = print_result(
        options,
        "alm-deployments-list",
        lambda: {"deployments": found.items, "more": found.more},
        lambda style, width: (
            RecordTable(style, width, _SHRINKABLE_COLUMNS).lines(
                [_row(one, now, style) for one in found.items]
            )
            or [
                "no deployment"
                if which == deployments.Filter()
                else "no deployment matches what was asked for"
            ]
        ),
    )
    if found.more:
        print_truncation_note(options, f"the newest {len(found.items)} deployments")
    return code


def _row(one: Document, now: float, style: Style) -> tuple[Cell, ...]:
    status = get_name(one, "status")
    return (
        ("dim", str(get_int(one, "id"))),
        ("bold", f"{get_name(one, 'app')}@{get_name(one, 'tag')}"),
        ("", get_name(one, "environment")),
        (colour(status), _state(status, style)),
        ("dim", since(get_str(one, "updated_at"), now)),
        (
            "",
            " ".join(filter(None, (escape_line(get_str(one, "actor")), escape_line(get_str(one, "reason"))))),
        ),
    )


def _state(status: str, style: Style) -> str:
    mark = symbols_for(style).states.get(status)
    return f"{mark} {status}" if mark and mark != "ok" else status


def run_show(options: Options, deployment_id: int) -> int:
    """Show a deployment and its history."""
    with alm_client(options) as api:
        found = deployments.show(api, deployment_id)
    return print_result(
        options,
        "alm-deployments-show",
        lambda: {"deployment": found.deployment, "history": found.history},
        lambda style, width: _shown(found, style, width),
    )


def _shown(found: DeploymentShown, style: Style, width: int) -> Iterator[str]:
    one = found.deployment
    arrow = symbols_for(style).arrow
    yield style.paint(
        "bold", f"{get_name(one, 'app')}@{get_name(one, 'tag')} {arrow} {get_name(one, 'environment')}"
    )
    status = get_name(one, "status")
    about = [
        ("number", str(get_int(one, "id"))),
        ("version", str(get_int(one, "version_id"))),
        ("by", escape_line(get_str(one, "actor"))),
        ("reason", escape_line(get_str(one, "reason"))),
        ("created", when(get_str(one, "created_at"))),
        ("finished", when(get_str_or_none(one, "finished_at") or "")),
    ]
    yield f"  {style.paint(colour(status), _state(status, style))}"
    yield from key_values(about, style, width)
    rows = [_step(step, style) for step in found.history]
    yield from section("history", RecordTable(style, width - 2, (3, 2)).lines(rows), style)


def _step(step: Document, style: Style) -> tuple[Cell, ...]:
    status = get_name(step, "status")
    return (
        ("dim", when(get_str(step, "created_at"))),
        (colour(status), _state(status, style)),
        ("", escape_line(get_str(step, "actor"))),
        ("", escape_line(get_str(step, "reason"))),
    )


def run_update(options: Options, deployment_id: int, status: str, reason: str) -> int:
    """Take a deployment a step, or the steps that are needed, further."""
    with alm_client(options) as api:
        done = deployments.advance(api, deployment_id, status, reason)
    return print_outcome(
        options,
        "alm-deployments-update",
        lambda: deployment_json(done),
        lambda style, width: deployed_lines(done, style, width),
    )
