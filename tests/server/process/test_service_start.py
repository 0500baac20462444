"""A separate service that is not set up correctly ends at once, and names the setting."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.server import server_commands

SECRET = "a-secret-of-more-than-32-bytes-for-tests"
SETTINGS = {
    "DB_URL": "postgresql://alm@127.0.0.1:1/app",
    "BUS_URL": "nats://127.0.0.1:1",
    "JWT_SECRET": SECRET,
    "PORT": "0",
    "GRPC_PORT": "0",
}


def serve(service, *arguments, **variables):
    settings = {name: value for name, value in {**SETTINGS, **variables}.items() if value is not None}
    return server_commands.run("serve", service, *arguments, environment=settings)


@pytest.mark.parametrize(
    ("service", "variables", "message"),
    [
        ("app", {"JWT_SECRET": None}, "JWT_SECRET is not set"),
        ("app", {"JWT_SECRET": "short"}, "secret in JWT_SECRET is only 5 bytes"),
        ("gateway", {"ALM_ADMIN_PASSWORD": "short"}, "invalid ALM_ADMIN_PASSWORD"),
        ("worker", {"BUS_URL": None}, "the service worker requires a bus"),
        ("version", {"DB_URL": None}, "the service version requires a database of its own"),
        ("audit", {"ALM_AUDIT_KEY": "short"}, "ALM_AUDIT_KEY is neither"),
        ("deployment", {}, "cannot use database app on 127.0.0.1:1"),
    ],
)
def test_a_missing_or_invalid_setting_is_named_with_a_hint(service, variables, message):
    result = serve(service, **variables)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {message}")
    assert "\nhint: " in result.stderr
    assert "Traceback" not in result.stderr
    assert SECRET not in result.stderr


def test_a_setting_of_separate_services_is_refused_by_a_server_of_all():
    result = serve("all", DB_URL=None, BUS_URL=None, GRPC_PORT="9080")
    assert result.returncode == 1
    assert "GRPC_PORT is not supported" in result.stderr
    result = serve("all", "--grpc-port", "1", DB_URL=None, BUS_URL=None, GRPC_PORT=None)
    assert "--grpc-port has no effect" in result.stderr


@pytest.mark.parametrize("command", [("migrate",), ("jobs", "list")])
def test_a_command_on_one_service_refuses_the_databases_of_all(command, tmp_path):
    variables = {"ALM_DATA_DIR": str(tmp_path / "data"), "APP_DB_URL": SETTINGS["DB_URL"]}
    result = server_commands.run(*command, "--service", "app", environment=variables)
    assert result.returncode == 1
    assert result.stderr.startswith("error: APP_DB_URL has no effect in the service app\nhint: set DB_URL")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("module", "command", "message"),
    [
        ("grpc", ("serve", "app"), "separate services call each other, but the `grpc` extra"),
        ("grpc", ("jobs", "list", "--service", "app"), "separate services call each other, but the `grpc`"),
        (
            "asyncpg",
            ("migrate", "--service", "app"),
            "separate services require PostgreSQL, but the `postgres`",
        ),
    ],
)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(module, command, message):
    script = (
        f"import sys; sys.modules[{module!r}] = None; from envmgr.server.main import main; sys.exit(main())"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, *command],
        env={**os.environ, **SETTINGS, "BUS_URL": "kafka://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {message}")
    extras = result.stderr.partition("[")[2].partition("]")[0].split(",")
    assert {"server", "postgres", "grpc", "kafka"} <= set(extras)
