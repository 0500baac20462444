"""`envmgr alm deployments`: list, show and update deployments."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.client.fields import get_int, get_name, get_str, get_str_or_none
from envmgr.cli.alm.commands.deploy import deployment_json, deployment_lines
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
    from envmgr.ops.alm.deployments import DeploymentDetails


_SHRINKABLE_COLUMNS = (5, 1, 2)
"""Columns to truncate: actor and reason, version, environment."""


def run_list(options: Options, filters: deployments.Filter, limit: int) -> int:
    """Print deployments, newest first."""
    with alm_client(options) as api:
        if filters.environment is not None:
            resolve.require_environment(api, refs.check_environment(filters.environment))
        result, now = deployments.listing(api, filters, limit), time.time()
    code = print_result(
        options,
        "alm-deployments-list",
        lambda: {"deployments": result.items, "more": result.more},
        lambda style, width: (
            RecordTable(style, width, _SHRINKABLE_COLUMNS).lines(
                [_row(deployment, now, style) for deployment in result.items]
            )
            or ["no deployments" if filters == deployments.Filter() else "no matching deployments"]
        ),
    )
    if result.more:
        print_truncation_note(options, f"latest {len(result.items)} deployments")
    return code


def _row(deployment: Document, now: float, style: Style) -> tuple[Cell, ...]:
    status = get_name(deployment, "status")
    return (
        ("dim", str(get_int(deployment, "id"))),
        ("bold", f"{get_name(deployment, 'app')}@{get_name(deployment, 'tag')}"),
        ("", get_name(deployment, "environment")),
        (colour(status), _status_text(status, style)),
        ("dim", since(get_str(deployment, "updated_at"), now)),
        (
            "",
            " ".join(
                filter(
                    None,
                    (escape_line(get_str(deployment, "actor")), escape_line(get_str(deployment, "reason"))),
                )
            ),
        ),
    )


def _status_text(status: str, style: Style) -> str:
    mark = symbols_for(style).states.get(status)
    return f"{mark} {status}" if mark and mark != "ok" else status


def run_show(options: Options, deployment_id: int) -> int:
    """Print a deployment and its history."""
    with alm_client(options) as api:
        result = deployments.show(api, deployment_id)
    return print_result(
        options,
        "alm-deployments-show",
        lambda: {"deployment": result.deployment, "history": result.history},
        lambda style, width: _detail_lines(result, style, width),
    )


def _detail_lines(result: DeploymentDetails, style: Style, width: int) -> Iterator[str]:
    deployment = result.deployment
    arrow = symbols_for(style).arrow
    yield style.paint(
        "bold",
        f"{get_name(deployment, 'app')}@{get_name(deployment, 'tag')} {arrow} {get_name(deployment, 'environment')}",
    )
    status = get_name(deployment, "status")
    values = [
        ("id", str(get_int(deployment, "id"))),
        ("version", str(get_int(deployment, "version_id"))),
        ("by", escape_line(get_str(deployment, "actor"))),
        ("reason", escape_line(get_str(deployment, "reason"))),
        ("created", when(get_str(deployment, "created_at"))),
        ("finished", when(get_str_or_none(deployment, "finished_at") or "")),
    ]
    yield f"  {style.paint(colour(status), _status_text(status, style))}"
    yield from key_values(values, style, width)
    rows = [_history_row(step, style) for step in result.history]
    yield from section("history", RecordTable(style, width - 2, (3, 2)).lines(rows), style)


def _history_row(step: Document, style: Style) -> tuple[Cell, ...]:
    status = get_name(step, "status")
    return (
        ("dim", when(get_str(step, "created_at"))),
        (colour(status), _status_text(status, style)),
        ("", escape_line(get_str(step, "actor"))),
        ("", escape_line(get_str(step, "reason"))),
    )


def run_update(options: Options, deployment_id: int, status: str, reason: str) -> int:
    """Change a deployment's status, through the intermediate ones."""
    with alm_client(options) as api:
        result = deployments.advance(api, deployment_id, status, reason)
    return print_outcome(
        options,
        "alm-deployments-update",
        lambda: deployment_json(result),
        lambda style, width: deployment_lines(result, style, width),
    )
