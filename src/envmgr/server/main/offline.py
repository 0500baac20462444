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
    from envmgr.server.kit.config.data_dir import DataDirectory

T = TypeVar("T")


def migrate(options: argparse.Namespace) -> int:
    """Migrate the databases to the current schema."""
    from envmgr.server.bootstrap import databases

    with _data(options) as data:
        databases.migrate(data)
        print_line(f"databases in {data.path} are up to date")
    return 0


def openapi(_options: argparse.Namespace) -> int:
    """Print the OpenAPI document."""
    from envmgr.server.bootstrap.api_document import openapi_document

    print_line(openapi_document().decode().rstrip())
    return 0


def reset_password(options: argparse.Namespace) -> int:
    """Reset a user's password; for operators with access to the data directory."""
    from envmgr.server.bootstrap import databases

    password = sys.stdin.readline().rstrip("\n") if options.password_stdin else secrets.token_urlsafe(18)
    with _data(options) as data:
        databases.migrate(data)
        run_offline(options, lambda services: services.gateway.users.set_password(options.user, password))
    display = "(as given)" if options.password_stdin else password
    print_line(f"new password for {options.user}: {display}")
    return 0


def run_offline(options: argparse.Namespace, work: Callable[[Services], Awaitable[T]]) -> T:
    """Run an action on the services without serving."""
    from envmgr.server.bootstrap import composition, registry
    from envmgr.server.kit.config import settings
    from envmgr.server.kit.telemetry import logs

    async def run() -> T:
        async with composition.open_offline(read, _data(options), logs.create_logger("warning")) as services:
            return await work(services)

    read = settings.read(environment.current(), {"data_dir": options.data_dir}, registry.SERVICE_NAMES)
    return asyncio.run(run())


def _data(options: argparse.Namespace) -> DataDirectory:
    from envmgr.server.bootstrap import databases, registry
    from envmgr.server.kit.config import settings

    read = settings.read(environment.current(), {"data_dir": options.data_dir}, registry.SERVICE_NAMES)
    return databases.data_directory(read.data_dir)
