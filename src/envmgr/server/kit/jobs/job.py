"""A background job and its states."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct

State = Literal["ready", "running", "done", "dead", "cancelled"]
READY: Final = "ready"
RUNNING: Final = "running"
DONE: Final = "done"
DEAD: Final = "dead"
CANCELLED: Final = "cancelled"


class Job(Struct, frozen=True, kw_only=True):
    """A job as it is stored; times are milliseconds since the epoch.

    `attempts` counts the runs that began. `lease` names the run in progress: only its holder may complete the job.
    """

    id: int
    kind: str
    key: str
    payload: dict[str, Any]
    state: State
    attempts: int
    run_at: int
    lease: str
    error: str
    created_at: int
    updated_at: int
