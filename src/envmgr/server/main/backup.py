"""`envmgr-alm backup` and `restore`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.kit.errors import EnvmgrError, UsageError
from envmgr.server.main.offline import read_settings, run_on_all
from envmgr.server.main.output import print_line

if TYPE_CHECKING:
    import argparse

    from envmgr.server.bootstrap.composition import Services
    from envmgr.server.bootstrap.recovery.accepted_gap import RecoveryResult, SkippedSequence
    from envmgr.server.bootstrap.recovery.event_range import EventRange
    from envmgr.server.bootstrap.recovery.missed_events import MissedEvents
    from envmgr.server.contracts.resources import AuditEntry
    from envmgr.server.kit.config.settings import Settings


def backup(options: argparse.Namespace) -> int:
    """Back up a data directory, whether its server runs or not."""
    from envmgr.server.bootstrap import backend, databases
    from envmgr.server.bootstrap.recovery.backup import write_backup

    settings = _require_files(read_settings(options))
    data = databases.data_directory(settings.data_dir)
    database = backend.database_backend(settings, data)
    database.require_data()
    databases.require_usable(database)
    manifest = write_backup(data, options.path)
    size = sum(file.size for file in manifest.files.values())
    print_line(f"backed up {data.path} to {options.path}: {len(manifest.files)} files, {size} bytes")
    return 0


def restore(options: argparse.Namespace) -> int:
    """Restore a backup, or let a service with an older database continue."""
    return _accept_gap(options) if options.accept_gap else _restore_backup(options)


def _restore_backup(options: argparse.Namespace) -> int:
    from envmgr.server.bootstrap import databases
    from envmgr.server.bootstrap.recovery.backup import restore_backup

    settings = _require_files(read_settings(options))
    with databases.data_directory(settings.data_dir) as data:
        manifest = restore_backup(options.path, data, replace=options.replace)
    print_line(f"restored {settings.data_dir} to {manifest.created_at}, from {options.path}")
    return 0


def _accept_gap(options: argparse.Namespace) -> int:
    from envmgr.server.bootstrap import backend, databases
    from envmgr.server.bootstrap.recovery.accepted_gap import accept_gap
    from envmgr.server.kit.telemetry import logs

    if options.replace:
        raise UsageError("--replace requires a backup", "omit --replace, or pass a backup")
    settings = read_settings(options)
    with databases.data_directory(settings.data_dir) as data:
        database = backend.database_backend(settings, data)

        async def accept(services: Services) -> RecoveryResult:
            try:
                await database.acquire()
                await database.acquire_service(options.accept_gap)
                return await accept_gap(services, database, options.accept_gap, _operator())
            finally:
                await database.release()

        recovered = run_on_all(settings, logs.create_logger("warning"), accept)
    _print_missed(options.accept_gap, recovered.missed)
    if recovered.skipped:
        _print_skipped(recovered.skipped)
    return 0


def _print_missed(service: str, missed: MissedEvents) -> None:
    if missed.delivered:
        print_line(f"delivered {missed.delivered} events to {service} again")
    for lost in missed.unavailable:
        print_line(f"warning: {service} lacks {_name(lost)}: no outbox retains them")


def _print_skipped(skipped: SkippedSequence) -> None:
    print_line(f"{_name(skipped.gap)} are lost; the audit log records this when the server runs")
    for entry in skipped.lost.first_entries:
        print_line(f"  {_line(entry)}")
    more = skipped.lost.entries - len(skipped.lost.first_entries)
    if more > 0:
        print_line(f"  and {more} more")


def _name(events: EventRange) -> str:
    return f"events {events.first} to {events.last} of {events.service}"


def _line(entry: AuditEntry) -> str:
    from envmgr.server.kit.common.clock import rfc3339

    return f"{rfc3339(entry.timestamp)}  {entry.event_type} {entry.resource} by {entry.actor}"


def _operator() -> str:
    """Return the actor that the audit log names: the user of the operating system."""
    try:
        import pwd
    except ImportError:  # Windows
        return "operator:unknown"
    try:
        return f"operator:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"operator:{os.getuid()}"


def _require_files(settings: Settings) -> Settings:
    """Raise EnvmgrError where the databases are not files."""
    if settings.database_url:
        raise EnvmgrError(
            "the databases are on PostgreSQL, which has its own backups",
            "run `pg_dump` for each database, as docs/server.md describes",
        )
    return settings
