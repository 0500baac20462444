"""Imports of a gateway without a database of its own: contracts and routes, without SQL."""

from __future__ import annotations

import subprocess
import sys

import pytest

SQL = {"sqlalchemy", "sqlite3", "alembic"}
REPORT = """
import importlib, pkgutil, sys
import envmgr.server.contracts as contracts
for module in pkgutil.walk_packages(contracts.__path__, "envmgr.server.contracts."):
    importlib.import_module(module.name)
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sys.modules)
"""
API_PACKAGES = [
    f"envmgr.server.{service}.api" for service in ("app", "version", "deployment", "audit", "gateway")
]


def imported_with(*names):
    """Return the modules that a fresh process has after importing the contracts and these."""
    result = subprocess.run(
        [sys.executable, "-I", "-c", REPORT, *names], capture_output=True, text=True, check=True, timeout=60
    )
    return set(result.stdout.split())


def test_an_embedded_server_imports_neither_grpc_nor_a_broker_client():
    result = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            "import envmgr.server.main.serve, envmgr.server.bootstrap.embedded, sys; print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert {"grpc", "google", "envmgr.server.kit.grpc", "nats", "aiokafka"} & set(
        result.stdout.split()
    ) == set()


@pytest.mark.parametrize("name", ["envmgr.server.contracts", *API_PACKAGES])
def test_contracts_and_routes_import_no_sql(name):
    assert imported_with(name) & SQL == set()
