"""`envmgr-alm jobs`: list, show, retry and cancel."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from envmgr.kit.errors import EnvmgrError
from envmgr.server.main.offline import format_command, run_offline
from envmgr.server.main.output import print_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.jobs.job import Job, State
    from envmgr.server.main.offline import OfflineServices


DEPLOYMENT = "deployment"
"""The service that has the jobs of projections."""


def list_all(options: argparse.Namespace) -> int:
    """List the newest jobs of every service."""
    from msgspec.json import encode

    pairs = run_offline(options, partial(_all, state=options.state))
    if options.json:
        for name, job in pairs:
            print_line(encode(_document(name, job)).decode())
        return 0
    if not pairs:
        print_line("no jobs")
    for name, job in pairs:
        print_line(_line(name, job))
    return 0


def show(options: argparse.Namespace) -> int:
    """Show a job with its payload and its last error."""
    from msgspec.json import encode
    from msgspec.json import format as indent_json

    from envmgr.server.kit.jobs import job_queue

    service, job_id = _parse(options)
    job = run_offline(
        options,
        lambda services: _database(services, service).read(lambda reader: job_queue.find_job(reader, job_id)),
    )
    print_line(indent_json(encode(_document(options.id, job)), indent=2).decode())
    return 0


def retry(options: argparse.Namespace) -> int:
    """Run a dead or waiting job now."""
    from envmgr.server.kit.jobs import job_queue

    return _change(options, job_queue.retry, "runs as soon as the server does")


def cancel(options: argparse.Namespace) -> int:
    """Cancel a job."""
    from envmgr.server.kit.jobs import job_queue

    return _change(options, job_queue.cancel, "is cancelled")


def rebuild(options: argparse.Namespace) -> int:
    """Enqueue the job that rebuilds a projection."""
    from envmgr.server.contracts.projections import PROJECTIONS
    from envmgr.server.kit.jobs import job_queue

    kind = PROJECTIONS[options.projection]

    def enqueue(transaction: Transaction) -> tuple[bool, int]:
        is_new = job_queue.enqueue(transaction, kind, {}, key=options.projection)
        return is_new, job_queue.find_unfinished(transaction, kind, options.projection)

    is_new, job_id = run_offline(options, lambda services: services.databases[DEPLOYMENT].write(enqueue))
    name = f"{DEPLOYMENT}:{job_id}"
    follow = format_command(options, f"jobs show {name}")
    print_line(
        f"job {name} runs as soon as the server does; to follow it, run `{follow}`"
        if is_new
        else f"job {name} rebuilds {options.projection} already"
    )
    return 0


def _change(options: argparse.Namespace, change: Callable[[Transaction, int], None], outcome: str) -> int:
    service, job_id = _parse(options)
    run_offline(
        options,
        lambda services: _database(services, service).write(lambda transaction: change(transaction, job_id)),
    )
    print_line(f"job {options.id} {outcome}")
    return 0


def _parse(options: argparse.Namespace) -> tuple[str, int]:
    service, _, number = options.id.partition(":")
    if not (number.isascii() and number.isdecimal()):
        raise _not_found(options)
    return service, int(number)


def _database(services: OfflineServices, service: str) -> Database:
    database = services.databases.get(service)
    if database is None:
        raise EnvmgrError(
            f"service {service!r} not found",
            f"use one of {', '.join(services.databases)}, as `list` prints them",
        )
    return database


def _not_found(options: argparse.Namespace) -> EnvmgrError:
    hint = f"run `{format_command(options, 'jobs list')}` to list them"
    return EnvmgrError(f"job {options.id} not found", hint)


async def _all(services: OfflineServices, state: State | None) -> list[tuple[str, Job]]:
    from envmgr.server.kit.jobs import job_queue

    return [
        (f"{service}:{job.id}", job)
        for service, database in services.databases.items()
        for job in await database.read(partial(job_queue.list_jobs, state=state))
    ]


def _document(name: str, job: Job) -> dict[str, object]:
    from envmgr.server.kit.common.clock import rfc3339

    return {
        "id": name,
        "kind": job.kind,
        "key": job.key,
        "payload": job.payload,
        "state": job.state,
        "attempts": job.attempts,
        "run_at": rfc3339(job.run_at),
        "error": job.error,
        "created_at": rfc3339(job.created_at),
        "updated_at": rfc3339(job.updated_at),
    }


def _line(name: str, job: Job) -> str:
    from envmgr.server.kit.common.clock import rfc3339

    error = f": {job.error}" if job.error else ""
    return f"{name}  {job.state}  {rfc3339(job.run_at)}  {job.kind} {job.key}  attempt {job.attempts}{error}"
