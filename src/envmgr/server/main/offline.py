"""Commands on a data directory without a running server."""

from __future__ import annotations

import asyncio
import secrets
import sys
from typing import TYPE_CHECKING, TypeVar

from envmgr.kit import environment
from envmgr.server.main.output import print_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from envmgr.server.bootstrap.composition import Services
    from envmgr.server.kit.config.settings import Settings

T = TypeVar("T")


def migrate(options: argparse.Namespace) -> int:
    """Migrate the databases to the current schema."""
    from envmgr.server.bootstrap import backend, databases, registry

    settings = _settings(options)
    services = [options.service] if options.service else registry.SERVICE_NAMES
    with databases.data_directory(settings.data_dir) as data:
        place = backend.database_backend(settings, data)
        databases.migrate(place, services, options.grant_to or "")
    print_line(f"databases in {place.location} are up to date")
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
    settings = _settings(options)
    with databases.data_directory(settings.data_dir) as data:
        databases.prepare(backend.database_backend(settings, data))
        keys = run_offline(
            options,
            lambda services: services.gateway.users.set_password(
                options.user, password, revoke_keys=options.revoke_keys
            ),
        )
    display = "(as given)" if options.password_stdin else password
    print_line(f"new password for {options.user}: {display}")
    if keys.revoked_keys:
        print_line(f"revoked {keys.revoked_keys} API key(s) of {options.user}")
    if keys.active_keys:
        print_line(
            f"{keys.active_keys} API key(s) of {options.user} stay valid; to revoke them, add `--revoke-keys`"
        )
    return 0


def run_offline(options: argparse.Namespace, work: Callable[[Services], Awaitable[T]]) -> T:
    """Run an action on the services without serving."""
    from envmgr.server.bootstrap import backend, composition, databases
    from envmgr.server.kit.telemetry import logs

    async def run() -> T:
        log = logs.create_logger("warning")
        async with composition.open_offline(settings, data, place, log) as services:
            return await work(services)

    settings = _settings(options)
    data = databases.data_directory(settings.data_dir)
    place = backend.database_backend(settings, data)
    place.require_data()
    databases.require_usable(place)
    return asyncio.run(run())


def _settings(options: argparse.Namespace) -> Settings:
    from envmgr.server.bootstrap import registry
    from envmgr.server.kit.config import settings

    return settings.read(environment.current(), {"data_dir": options.data_dir}, registry.SERVICE_NAMES)
