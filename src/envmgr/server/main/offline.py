"""Commands on a data directory without a running server."""

from __future__ import annotations

import asyncio
import secrets
import sys
from typing import TYPE_CHECKING, Protocol, TypeVar

from envmgr.kit import environment
from envmgr.server.main.output import print_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from envmgr.server.bootstrap.composition import Services
    from envmgr.server.contracts.identity_resources import KeyCounts
    from envmgr.server.contracts.ports.identity import Identity
    from envmgr.server.kit.config.settings import Settings
    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.runtime.service_module import ServiceModule
    from envmgr.server.kit.telemetry.logs import Log

T = TypeVar("T")


def migrate(options: argparse.Namespace) -> int:
    """Migrate the databases to the current schema."""
    from envmgr.server.bootstrap import backend, databases, registry

    settings = read_settings(options)
    if options.service and settings.database_url:
        database = backend.service_backend(settings, options.service)
        databases.migrate_service(database, registry.module_of(options.service), options.grant_to or "")
        print_line(f"database {database.location} is up to date")
        return 0
    services = [options.service] if options.service else registry.SERVICE_NAMES
    with databases.data_directory(settings.data_dir) as data:
        database = backend.database_backend(settings, data)
        databases.migrate(database, services, options.grant_to or "")
    print_line(f"databases in {database.location} are up to date")
    return 0


def openapi(_options: argparse.Namespace) -> int:
    """Print the OpenAPI document."""
    from envmgr.server.bootstrap.api_document import openapi_document

    print_line(openapi_document().decode().rstrip())
    return 0


def reset_password(options: argparse.Namespace) -> int:
    """Reset a user's password; for operators with access to the databases."""
    from envmgr.server.bootstrap import backend, databases

    password = sys.stdin.readline().rstrip("\n") if options.password_stdin else secrets.token_urlsafe(18)
    settings = read_settings(options)

    def set_password() -> KeyCounts:
        return run_offline(
            options,
            lambda services: services.identity.users.set_password(
                options.user, password, revoke_keys=options.revoke_keys
            ),
        )

    if options.service:
        keys = set_password()
    else:
        data = databases.data_directory(settings.data_dir)
        database = backend.database_backend(settings, data)
        database.require_data()
        with data:
            databases.prepare(database)
            keys = set_password()
    display = "(as given)" if options.password_stdin else password
    print_line(f"new password for {options.user}: {display}")
    if keys.revoked_keys:
        print_line(f"revoked {keys.revoked_keys} API key(s) of {options.user}")
    if keys.active_keys:
        print_line(
            f"{keys.active_keys} API key(s) of {options.user} stay valid; to revoke them, add `--revoke-keys`"
        )
    return 0


class OfflineServices(Protocol):
    """Services whose databases are used without serving."""

    @property
    def databases(self) -> Mapping[str, Database]:
        """Return their databases by name."""
        ...

    @property
    def modules(self) -> Sequence[ServiceModule]:
        """Return their modules."""
        ...

    @property
    def identity(self) -> Identity:
        """Return the identity service."""
        ...

    def dead_letters(self, service: str) -> DeadLetters:
        """Return a service's dead letters; raise EnvmgrError for another service."""
        ...


def run_offline(options: argparse.Namespace, work: Callable[[OfflineServices], Awaitable[T]]) -> T:
    """Run an action on the services, or on the one that `options.service` names, without serving."""
    from envmgr.server.kit.telemetry import logs

    settings, log = read_settings(options), logs.create_logger("warning")
    if options.service:
        return _run_on_service(options.service, settings, log, work)
    return run_on_all(settings, log, work)


def _run_on_service(
    service: str, settings: Settings, log: Log, work: Callable[[OfflineServices], Awaitable[T]]
) -> T:
    from envmgr.server.bootstrap.extras import require_grpc

    with require_grpc(settings.bus):
        from envmgr.server.bootstrap import offline_service

    async def run() -> T:
        async with offline_service.open_offline(service, settings, log) as services:
            return await work(services)

    offline_service.require_usable(service, settings)
    return asyncio.run(run())


def run_on_all(settings: Settings, log: Log, work: Callable[[Services], Awaitable[T]]) -> T:
    """Run an action on all services without serving."""
    from envmgr.server.bootstrap import backend, composition, databases

    async def run() -> T:
        async with composition.open_offline(settings, data, database, log) as services:
            return await work(services)

    data = databases.data_directory(settings.data_dir)
    database = backend.database_backend(settings, data)
    database.require_data()
    databases.require_usable(database)
    return asyncio.run(run())


def format_command(options: argparse.Namespace, words: str) -> str:
    """Return another command on the same service, for messages."""
    return f"envmgr-alm {words} --service {options.service}" if options.service else f"envmgr-alm {words}"


def read_settings(options: argparse.Namespace) -> Settings:
    """Return the settings of a command that takes `--data-dir`."""
    from envmgr.server.bootstrap import registry
    from envmgr.server.kit.config import settings

    flags, variables = {"data_dir": options.data_dir}, environment.current()
    if getattr(options, "service", None):
        settings.require_no_database_urls(variables, registry.SERVICE_NAMES, options.service)
        data_dir = settings.read_data_dir(variables, options.data_dir)
        return settings.read_common(variables, flags, data_dir)
    return settings.read(variables, flags, registry.SERVICE_NAMES)
