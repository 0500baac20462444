"""Commands of `envmgr-alm`: the only part of the server that prints and exits."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from envmgr import __version__
from envmgr.kit.errors import EnvmgrError
from envmgr.server.main.output import INTERRUPTED, USAGE_ERROR, print_error, print_internal_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    Commands = argparse._SubParsersAction["_Parser"]  # noqa: SLF001 - argparse names it nowhere else

REQUIRED_MODULES = (
    "litestar",
    "msgspec",
    "uvicorn",
    "sqlalchemy",
    "alembic",
    "jwt",
    "argon2",
    "structlog",
    "prometheus_client",
)
"""Modules of the `server` extra; if one is missing, the extra is not installed."""

_SERVICES = ("app", "version", "deployment", "audit", "gateway", "worker")
_SETTINGS = """\
A single service runs beside the others, each with its own database. Environment variables:

  DB_URL                 its own database: postgresql://USER:PASSWORD@HOST:5432/NAME
  BUS_URL                nats://HOST:4222 (or NATS_URL, or NATS_HOST and NATS_PORT), or kafka://HOST:9092
                         (or KAFKA_BROKER), the same for all services
  JWT_SECRET             at least 32 bytes, the same for all services
  APP_URL, VERSION_URL, DEPLOYMENT_URL, AUDIT_URL, GATEWAY_URL, WORKER_URL
                         gRPC addresses of the others: grpc://HOST:PORT (localhost)
  PORT, GRPC_PORT        app 8080 9080, version 8081 9081, deployment 8082 9082, audit 8083 9083, worker 8084 9084,
                         gateway 8000 9000

All settings: docs/server.md
"""
_DEAD_LETTERS = """
Events that failed permanently after several attempts. Inspect them, fix the cause, then retry. Safe while the server is
running.
"""
_BACKUP = """
Back up all databases of a data directory as of one moment, and its keys. Safe while the server is running. A backup
contains secrets: keep it where only operators can read it.
"""
_RESTORE = """
Put a backup into a data directory. Or, after the database of one service was restored to an earlier state than the
others: let the service continue after the events that it lost, and record them in the audit log as lost. Both need the
server stopped.
"""
_REBUILD = """
Compute a projection again from the deployments and their history: `matrix` (which version is deployed where) or `usage`
(which tools are deployed where). Requests go on meanwhile. Safe while the server is running.
"""
_JOB_STATES = ("ready", "running", "done", "dead", "cancelled")
_JOBS = """
Background jobs of every service. A job that failed at every attempt is dead: inspect it, fix the cause, then retry.
Safe while the server is running.
"""


class _Parser(argparse.ArgumentParser):
    """Argument parser with the error format of every command."""

    def error(self, message: str) -> NoReturn:
        """Print a usage error and exit."""
        raise SystemExit(print_error(message, f"run `{self.prog} --help` for usage", USAGE_ERROR))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    options = _parser().parse_args(arguments)
    if any(find_spec(name) is None for name in REQUIRED_MODULES):
        from envmgr.kit.distribution import requirement

        return print_error(
            "the server extra is not installed", f"run `pipx install --force '{requirement('server')}'`"
        )
    os.umask(0o077)  # databases contain password hashes: readable by their owner only
    try:
        return _run(options)
    except EnvmgrError as error:
        return print_error(error.message, error.hint, error.exit_code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort, which writes a crash log
        return print_internal_error(error)


def _run(options: argparse.Namespace) -> int:
    from envmgr.server.kit.common.problems import Problem

    module, _, name = options.run.partition(":")
    try:
        code: int = getattr(import_module(f"{__name__}.{module}"), name)(options)
    except Problem as error:
        message = "; ".join(detail for _, detail in error.errors)
        raise EnvmgrError(message or error.detail, error.detail if message else None) from error
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="envmgr-alm", description="The ALM server of envmgr.")
    parser.add_argument("--version", action="version", version=f"envmgr-alm {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(_add_command(commands, "serve", "run the server", "serve:serve"))
    _add_migrate(
        _add_command(commands, "migrate", "migrate the databases to the current schema", "offline:migrate")
    )
    _add_command(commands, "openapi", "print the OpenAPI document", "offline:openapi")
    _add_backup(commands)
    _add_dead_letters(commands)
    _add_jobs(commands)
    _add_rebuild(commands)
    _add_admin(commands)
    return parser


def _add_command(
    commands: Commands,
    name: str,
    summary: str,
    run: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    command.add_argument("--data-dir", metavar="DIR", help="data directory")
    command.set_defaults(run=run)
    return command


def _add_serve(command: argparse.ArgumentParser) -> None:
    command.epilog = _SETTINGS
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument(
        "service",
        metavar="SERVICE",
        choices=["all", *_SERVICES],
        help=f"all services in one process (`all`), or one of them: {', '.join(_SERVICES)}",
    )
    command.add_argument("--host", metavar="ADDRESS", help="address to listen on (127.0.0.1)")
    command.add_argument(
        "--port", metavar="N", help="port to listen on (8080 for `all`, else see below; 0: any free port)"
    )
    command.add_argument("--grpc-port", metavar="N", help="port of the gRPC API of a single service")
    command.add_argument(
        "--require-if-match",
        action="store_true",
        help="require If-Match on changes",
    )
    command.add_argument("--log-level", metavar="LEVEL", help="debug, info (default), warning or error")


def _add_migrate(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--service",
        metavar="NAME",
        choices=_SERVICES,
        help=f"migrate one: {', '.join(_SERVICES)}; on PostgreSQL, DB_URL is then its own database",
    )
    command.add_argument("--grant-to", metavar="ROLE", help="grant a role of PostgreSQL what servers need")


def _add_service(command: argparse.ArgumentParser, *services: str) -> None:
    """Add the option to use the database of a separate service."""
    command.add_argument(
        "--service",
        metavar="NAME",
        choices=services,
        help=f"service that runs separately ({', '.join(services)}): DB_URL is its own database",
    )


def _add_backup(commands: Commands) -> None:
    backup = _add_command(commands, "backup", "back up the data directory", "backup:backup")
    backup.description = _BACKUP
    backup.add_argument("path", metavar="PATH", help="new directory, or new file: NAME.tar or NAME.tar.gz")
    restore = _add_command(commands, "restore", "restore a backup, or accept what is lost", "backup:restore")
    restore.description = _RESTORE
    source = restore.add_mutually_exclusive_group(required=True)
    source.add_argument("path", metavar="BACKUP", nargs="?", help="what `backup` wrote")
    source.add_argument(
        "--accept-gap",
        metavar="SERVICE",
        choices=_SERVICES,
        help="continue with an older database of a service",
    )
    restore.add_argument("--replace", action="store_true", help="move existing data aside")


def _add_dead_letters(commands: Commands) -> None:
    group = commands.add_parser(
        "dead-letters", help="events that failed permanently", description=_DEAD_LETTERS
    )
    acts = group.add_subparsers(required=True, metavar="COMMAND")
    listing = _add_command(acts, "list", "list dead letters", "dead_letters:list_all")
    _add_service(listing, *_SERVICES)
    listing.add_argument("--json", action="store_true", help="print one JSON object per line")
    show = _add_command(acts, "show", "show a dead letter and its event", "dead_letters:show")
    _add_service(show, *_SERVICES)
    show.add_argument("id", metavar="ID", help="SERVICE:NUMBER, as printed by `list`")
    retry = _add_command(acts, "retry", "retry one dead letter, or all", "dead_letters:retry")
    _add_service(retry, *_SERVICES)
    target = retry.add_mutually_exclusive_group(required=True)
    target.add_argument("id", metavar="ID", nargs="?", help="SERVICE:NUMBER, as printed by `list`")
    target.add_argument("--all", action="store_true", help="retry all, oldest first")


def _add_jobs(commands: Commands) -> None:
    group = commands.add_parser("jobs", help="background jobs", description=_JOBS)
    acts = group.add_subparsers(required=True, metavar="COMMAND")
    listing = _add_command(acts, "list", "list the newest jobs of every service", "jobs:list_all")
    _add_service(listing, *_SERVICES)
    listing.add_argument("--json", action="store_true", help="print one JSON object per line")
    listing.add_argument("--state", choices=_JOB_STATES, metavar="STATE", help=", ".join(_JOB_STATES))
    for name, summary in (
        ("show", "show a job with its payload and its last error"),
        ("retry", "run a dead or waiting job now"),
        ("cancel", "cancel a job"),
    ):
        command = _add_command(acts, name, summary, f"jobs:{name}")
        _add_service(command, *_SERVICES)
        command.add_argument("id", metavar="ID", help="SERVICE:NUMBER, as printed by `list`")


def _add_rebuild(commands: Commands) -> None:
    command = _add_command(commands, "rebuild", "rebuild a projection in the background", "jobs:rebuild")
    command.description = _REBUILD
    command.add_argument(
        "projection", choices=("matrix", "usage"), metavar="PROJECTION", help="matrix or usage"
    )
    _add_service(command, "deployment")


def _add_admin(commands: Commands) -> None:
    group = commands.add_parser(
        "admin", help="recover access", description="Recover access from the server's machine."
    )
    acts = group.add_subparsers(required=True, metavar="COMMAND")
    reset = _add_command(
        acts,
        "reset-password",
        "reset a user's password and revoke their sessions",
        "offline:reset_password",
    )
    _add_service(reset, "gateway")
    reset.add_argument("--user", metavar="NAME", default="admin", help="username (default: admin)")
    reset.add_argument(
        "--password-stdin", action="store_true", help="read from stdin; otherwise generated and printed"
    )
    reset.add_argument(
        "--revoke-keys",
        action="store_true",
        help="revoke the user's API keys, too (default: they stay valid)",
    )
