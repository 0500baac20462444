"""The job queue of a service: statements over the table `job`, each function a part of a unit of work.

A job is enqueued in the transaction that causes it. A run holds a lease, a time until which no other run may begin; it
completes the job in the transaction of its effect, which fails if the lease was lost, so that the effect happens once
however often a run is killed, delayed or repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import MetaData, and_, bindparam, delete, func, literal, null, or_, select, update

from envmgr.server.kit.common.ids import uuid7
from envmgr.server.kit.common.problems import Conflict, NotFound
from envmgr.server.kit.db.constructs import bind_columns, insert_if_absent
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement, UniqueViolation
from envmgr.server.kit.jobs.job import CANCELLED, DEAD, DONE, READY, RUNNING, Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

    from envmgr.server.kit.db.sql import Reader, Row, Transaction
    from envmgr.server.kit.jobs.job import State

MAX_LISTED_JOBS = 1000
RETENTION_MS = 7 * 24 * 3600 * 1000
"""Retention of finished jobs in milliseconds; dead ones are kept until they are retried or cancelled."""
MAX_ERROR_CHARS = 2000
SCHEDULE_KEY = "schedule"
"""The key of jobs that run at an interval; each is one row, which is never finished."""

_JOB = Tables(MetaData()).job
_COLUMNS = (
    _JOB.c.id,
    _JOB.c.kind,
    _JOB.c.key,
    _JOB.c.payload,
    _JOB.c.state,
    _JOB.c.attempts,
    _JOB.c.run_at,
    _JOB.c.lease,
    _JOB.c.error,
    _JOB.c.created_at,
    _JOB.c.updated_at,
)


def _is_in(*states: str) -> ColumnElement[bool]:
    return or_(*(_JOB.c.state == state for state in states))


_ENQUEUE = Statement(
    insert_if_absent(
        _JOB,
        {
            **bind_columns("kind", "key", "active_key", "payload", "run_at", "created_at", "updated_at"),
            "state": literal(READY),
            "attempts": literal(0),
            "lease": literal(""),
            "leased_until": literal(0),
            "error": literal(""),
        },
        key=["kind", "active_key"],
    )
)
_DUE = or_(
    and_(_JOB.c.state == READY, _JOB.c.run_at <= bindparam("now")),
    and_(_JOB.c.state == RUNNING, _JOB.c.leased_until < bindparam("now")),
)
_ANY_DUE = Statement(select(_JOB.c.id).where(_DUE).limit(1))
_OLDEST_DUE = Statement(select(func.min(_JOB.c.run_at)).where(_DUE))
_CLAIM = Statement(
    update(_JOB)
    .where(
        _JOB.c.id.in_(
            select(_JOB.c.id)
            .where(_DUE)
            .order_by(_JOB.c.run_at, _JOB.c.id)
            .limit(bindparam("limit"))
            .with_for_update(skip_locked=True)
        )
    )
    .values(
        state=RUNNING,
        attempts=_JOB.c.attempts + 1,
        lease=bindparam("new_lease"),
        leased_until=bindparam("new_leased_until"),
        updated_at=bindparam("now"),
    )
    .returning(*_COLUMNS)
)
_HAS_LEASE = and_(
    _JOB.c.id == bindparam("job_id"), _JOB.c.state == RUNNING, _JOB.c.lease == bindparam("lease_name")
)
_EXTEND = Statement(update(_JOB).where(_HAS_LEASE).values(leased_until=bindparam("new_leased_until")))
_SAVE_PAYLOAD = Statement(
    update(_JOB).where(_HAS_LEASE).values(payload=bindparam("new_payload"), updated_at=bindparam("now"))
)
_FINISH = Statement(
    update(_JOB)
    .where(_HAS_LEASE)
    .values(state=DONE, active_key=null(), error="", updated_at=bindparam("now"))
)
_RETRY_LATER = Statement(
    update(_JOB)
    .where(_HAS_LEASE)
    .values(
        state=READY, run_at=bindparam("new_run_at"), error=bindparam("new_error"), updated_at=bindparam("now")
    )
)
_MARK_DEAD = Statement(
    update(_JOB)
    .where(_HAS_LEASE)
    .values(state=DEAD, active_key=null(), error=bindparam("new_error"), updated_at=bindparam("now"))
)
_REPEAT = Statement(
    update(_JOB)
    .where(_HAS_LEASE)
    .values(
        state=READY,
        attempts=0,
        run_at=bindparam("new_run_at"),
        error=bindparam("new_error"),
        updated_at=bindparam("now"),
    )
)
_LIMIT_RUN_AT = Statement(
    update(_JOB)
    .where(
        _JOB.c.kind == bindparam("job_kind"),
        _JOB.c.active_key == SCHEDULE_KEY,
        _JOB.c.state == READY,
        _JOB.c.run_at > bindparam("latest"),
    )
    .values(run_at=bindparam("latest"))
)
_NEWEST = select(*_COLUMNS).order_by(_JOB.c.id.desc()).limit(MAX_LISTED_JOBS)
_LIST = Statement(_NEWEST)
_LIST_STATE = Statement(_NEWEST.where(_JOB.c.state == bindparam("job_state")))
_FIND_UNFINISHED = Statement(
    select(_JOB.c.id).where(_JOB.c.kind == bindparam("job_kind"), _JOB.c.active_key == bindparam("job_key"))
)
_FIND_EARLIER = Statement(
    select(*_COLUMNS)
    .where(
        _JOB.c.kind == bindparam("job_kind"),
        _JOB.c.active_key >= bindparam("prefix"),
        _JOB.c.active_key < bindparam("after_prefix"),
        _JOB.c.id < bindparam("before_id"),
        _JOB.c.error == "",
    )
    .order_by(_JOB.c.id)
)
_FINISH_WITHOUT_LEASE = Statement(
    update(_JOB)
    .where(_JOB.c.id == bindparam("job_id"), _is_in(READY, RUNNING))
    .values(state=DONE, active_key=null(), updated_at=bindparam("now"))
)
_FIND = Statement(select(*_COLUMNS).where(_JOB.c.id == bindparam("job_id")))
_RETRY = Statement(
    update(_JOB)
    .where(_JOB.c.id == bindparam("job_id"), _is_in(READY, DEAD))
    .values(
        state=READY, active_key=_JOB.c.key, attempts=0, run_at=bindparam("now"), updated_at=bindparam("now")
    )
)
_CANCEL = Statement(
    update(_JOB)
    .where(
        _JOB.c.id == bindparam("job_id"),
        _JOB.c.key != SCHEDULE_KEY,
        _is_in(READY, RUNNING, DEAD),
    )
    .values(state=CANCELLED, active_key=null(), lease="", updated_at=bindparam("now"))
)
_PURGE_EXPIRED = Statement(
    delete(_JOB).where(_is_in(DONE, CANCELLED), _JOB.c.updated_at < bindparam("before"))
)


class LeaseLost(Exception):
    """Another run of the job began, or the job was cancelled."""


def enqueue(
    transaction: Transaction, kind: str, payload: dict[str, Any], *, key: str, run_at: int | None = None
) -> bool:
    """Add a job; return False if one of the same kind and key has yet to finish, which is left as it is."""
    now = transaction.now
    count = transaction.execute(
        _ENQUEUE,
        kind=kind,
        key=key,
        active_key=key,
        payload=msgspec.json.encode(payload).decode(),
        run_at=now if run_at is None else run_at,
        created_at=now,
        updated_at=now,
    )
    transaction.wake_jobs()
    return count == 1


def has_due(reader: Reader, now: int) -> bool:
    """Return whether a job can be claimed at a time in milliseconds."""
    return reader.one(_ANY_DUE, now=now) is not None


def oldest_due_time(reader: Reader, now: int) -> int | None:
    """Return when the oldest job that can be claimed was due, in milliseconds; else None."""
    row = reader.one(_OLDEST_DUE, now=now)
    return int(row[0]) if row and row[0] is not None else None


def claim(transaction: Transaction, limit: int, lease_ms: int) -> Sequence[Job]:
    """Begin runs of the jobs that are due or whose lease expired; return the jobs, oldest first."""
    now = transaction.now
    rows = transaction.all(_CLAIM, now=now, limit=limit, new_lease=uuid7(), new_leased_until=now + lease_ms)
    return sorted(map(_from_row, rows), key=lambda job: (job.run_at, job.id))


def extend_lease(transaction: Transaction, job: Job, lease_ms: int) -> bool:
    """Extend the lease of a run; return False if it was lost."""
    return _change_leased(transaction, _EXTEND, job, new_leased_until=transaction.now + lease_ms)


def complete(transaction: Transaction, job: Job) -> None:
    """Finish a job in the transaction of its effect; raise LeaseLost, which rolls the effect back."""
    if not _change_leased(transaction, _FINISH, job, now=transaction.now):
        raise LeaseLost(f"job {job.id} lost its lease: it was cancelled, or another run of it began")


def complete_without_lease(transaction: Transaction, job: Job) -> None:
    """Finish an unclaimed job, or that of another run, in the transaction of its effect."""
    transaction.execute(_FINISH_WITHOUT_LEASE, job_id=job.id, now=transaction.now)


def save_payload(transaction: Transaction, job: Job, payload: dict[str, Any]) -> None:
    """Replace the payload that the next run of a job gets; raise LeaseLost."""
    text = msgspec.json.encode(payload).decode()
    if not _change_leased(transaction, _SAVE_PAYLOAD, job, new_payload=text, now=transaction.now):
        raise LeaseLost(f"job {job.id} lost its lease: it was cancelled, or another run of it began")


def is_finished(reader: Reader, job: Job) -> bool:
    """Return whether a run has completed its job."""
    row = reader.one(_FIND, job_id=job.id)
    return row is None or (_from_row(row).state == DONE and _from_row(row).lease == job.lease)


def retry_later(transaction: Transaction, job: Job, error: str, run_at: int) -> None:
    """Record that a run failed, and when the next begins, unless its lease was lost."""
    _change_leased(
        transaction,
        _RETRY_LATER,
        job,
        new_run_at=run_at,
        new_error=error[:MAX_ERROR_CHARS],
        now=transaction.now,
    )


def mark_dead(transaction: Transaction, job: Job, error: str) -> None:
    """Record that the last run failed and the job is dead until retried, unless its lease was lost."""
    _change_leased(transaction, _MARK_DEAD, job, new_error=error[:MAX_ERROR_CHARS], now=transaction.now)


def schedule(transaction: Transaction, kind: str, interval_ms: int) -> None:
    """Add the job of a kind that runs at an interval, unless it is there.

    Its next run is at most one interval away, as a clock may have been set back.
    """
    run_at = transaction.now + interval_ms
    if not enqueue(transaction, kind, {}, key=SCHEDULE_KEY, run_at=run_at):
        transaction.execute(_LIMIT_RUN_AT, job_kind=kind, latest=run_at)


def repeat(transaction: Transaction, job: Job, run_at: int, error: str = "") -> None:
    """End a run of a job that runs at an interval, unless its lease was lost."""
    _change_leased(
        transaction, _REPEAT, job, new_run_at=run_at, new_error=error[:MAX_ERROR_CHARS], now=transaction.now
    )


def list_jobs(reader: Reader, state: State | None = None) -> list[Job]:
    """Return the newest jobs, optionally in a state, at most `MAX_LISTED_JOBS`, newest first."""
    rows = reader.all(_LIST) if state is None else reader.all(_LIST_STATE, job_state=state)
    return [_from_row(row) for row in rows]


def find_job(reader: Reader, job_id: int) -> Job:
    """Return a job; raise NotFound."""
    row = reader.one(_FIND, job_id=job_id)
    if row is None:
        raise NotFound(f"job {job_id} not found")
    return _from_row(row)


def find_unfinished(reader: Reader, kind: str, key: str) -> int:
    """Return the ID of the job of a kind and key that has yet to finish; raise NotFound."""
    row = reader.one(_FIND_UNFINISHED, job_kind=kind, job_key=key)
    if row is None:
        raise NotFound(f"job {kind} {key} not found")
    return int(row[0])


def find_earlier(reader: Reader, job: Job, prefix: str) -> list[Job]:
    """Return the unfinished jobs of a kind that were enqueued before one of it, oldest first.

    Their keys begin with the prefix; jobs that have failed are left out.
    """
    after_prefix = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    rows = reader.all(
        _FIND_EARLIER, job_kind=job.kind, prefix=prefix, after_prefix=after_prefix, before_id=job.id
    )
    return [_from_row(row) for row in rows]


def retry(transaction: Transaction, job_id: int) -> None:
    """Run a dead or waiting job now, with all its attempts; raise NotFound, Conflict."""
    try:
        _require_changed(transaction, _RETRY, job_id, "retried")
    except UniqueViolation as error:
        raise Conflict(f"job {job_id} cannot be retried: a newer one with its key is not finished") from error


def cancel(transaction: Transaction, job_id: int) -> None:
    """Cancel a job; a run in progress cannot complete it any more; raise NotFound, Conflict."""
    _require_changed(transaction, _CANCEL, job_id, "cancelled")


def purge_expired(transaction: Transaction) -> int:
    """Delete finished and cancelled jobs after their retention."""
    return transaction.execute(_PURGE_EXPIRED, before=transaction.now - RETENTION_MS)


def _change_leased(transaction: Transaction, statement: Statement, job: Job, **values: object) -> bool:
    return transaction.execute(statement, job_id=job.id, lease_name=job.lease, **values) == 1


def _require_changed(transaction: Transaction, statement: Statement, job_id: int, action: str) -> None:
    if transaction.execute(statement, job_id=job_id, now=transaction.now) == 1:
        return
    job = find_job(transaction, job_id)
    state = job.state if job.key != SCHEDULE_KEY else f"{job.state}, runs at an interval,"
    raise Conflict(f"job {job_id} is {state} and cannot be {action}")


def _from_row(row: Row) -> Job:
    id_, kind, key, payload, state, attempts, run_at, lease, error, created_at, updated_at = row
    return Job(
        id=id_,
        kind=kind,
        key=key,
        payload=msgspec.json.decode(payload),
        state=state,
        attempts=attempts,
        run_at=run_at,
        lease=lease,
        error=error,
        created_at=created_at,
        updated_at=updated_at,
    )
