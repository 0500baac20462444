"""Fixtures of the tests of the whole server: a running one for all tests of a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.server.accounts import Accounts
from support.server.cluster import chosen_daemon
from support.server.renewed_session import RenewedSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.http.raw_client import Wire
    from support.server.server_process import Daemon


LONGEST_FILE = "test_kill_and_restart.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first, so that workers end together."""
    items.sort(key=lambda item: item.path.name != LONGEST_FILE)


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Yield a running server that tests share with unique names."""
    daemon = chosen_daemon(tmp_path_factory.mktemp("alm"))
    try:
        yield daemon.start()
    finally:
        daemon.end()


@pytest.fixture(scope="session")
def admin_session(daemon: Daemon) -> RenewedSession:
    """Return the session of an administrator, which lasts as long as the tests."""
    return RenewedSession(daemon.login)


@pytest.fixture
def admin(admin_session: RenewedSession) -> str:
    """Return the token of an administrator."""
    return admin_session.token


@pytest.fixture
def wire(daemon: Daemon, admin: str) -> Iterator[Wire]:
    """Yield an administrator's connection to the shared server."""
    with daemon.wire(admin) as wire:
        yield wire


@pytest.fixture(scope="session")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """Yield a server of its own with users and keys, for tests with many rejected requests."""
    daemon = chosen_daemon(tmp_path_factory.mktemp("access"))
    try:
        yield Accounts(daemon.start())
    finally:
        daemon.end()


@pytest.fixture
def admin_wire(accounts: Accounts) -> Iterator[Wire]:
    """Yield an administrator's connection to the server of `people`."""
    with accounts.daemon.wire(accounts.admin) as wire:
        yield wire


@pytest.fixture(scope="session")
def operations_with_body(daemon: Daemon) -> list[tuple[str, str, list[str]]]:
    """Return every operation with a body: method, target, and the names of its fields."""
    with daemon.wire() as wire:
        document = wire.ask("GET", "/openapi.json").json
    return [
        (method.upper(), _filled(path), _fields(document, operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and "requestBody" in operation
    ]


def _filled(path: str) -> str:
    """Return a path with values for its parameters."""
    return "/".join("1" if step.startswith("{") else step for step in path.split("/"))


def _fields(document: dict, operation: dict) -> list[str]:
    schema = operation["requestBody"]["content"].get("application/json", {}).get("schema", {})
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return sorted(schema.get("properties", {}))
