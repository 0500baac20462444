"""Options that several commands about deployments take."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

State = Literal[
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
STATES = "in_progress, successful, failed, cancelled, rolled_back or superseded"
Environment = Annotated[str | None, typer.Option("--env", "-e", metavar="ENV", help="Only this environment.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the history.")]
