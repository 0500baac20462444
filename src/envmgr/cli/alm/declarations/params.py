"""Arguments and options that several commands of `envmgr alm` declare."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from envmgr.cli.declarations.number_checks import check_minimum

Status = Literal[
    "pending",
    "queued",
    "awaiting_approval",
    "blocked",
    "in_progress",
    "successful",
    "failed",
    "cancelled",
    "superseded",
    "rolled_back",
]
TARGET_STATUSES = "in_progress, successful, failed, cancelled, rolled_back or superseded"

App = Annotated[str, typer.Argument(metavar="APP", help="An app, by name or ID.")]
AppFilter = Annotated[str | None, typer.Option("--app", metavar="APP", help="Filter by app.")]
Version = Annotated[
    list[str], typer.Argument(metavar="APP@TAG", help="A version: APP@TAG, APP TAG, APP:ENV or its ID.")
]
EnvironmentFilter = Annotated[
    str | None, typer.Option("--env", "-e", metavar="ENV", help="Filter by environment.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, recorded in the history.")]
Limit = Annotated[
    int,
    typer.Option("--limit", metavar="N", callback=check_minimum(0), help="Maximum number to show (0: all)."),
]
