"""Credentials survive restarts, and insecure settings stop the server."""

from __future__ import annotations

import pytest

from support.http.raw_client import HOST
from support.ports import free_port
from support.server import server_commands
from support.server.server_process import ADMIN_PASSWORD, Daemon

SECRET, OTHER = (f"{word}-of-more-than-32-bytes-for-tests" for word in ("a-secret", "another-secret"))


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path)
    try:
        yield daemon.start()
    finally:
        daemon.end()


def status(daemon, token, target="/auth/me", method="GET", body=None):
    with daemon.wire(token) as wire:
        return wire.ask(method, target, body).status


def restarted(daemon, **environment):
    daemon.kill()
    again = Daemon(daemon.root, environment=environment)
    try:
        return again.start()
    except BaseException:
        again.end()
        raise


def test_credentials_stay_valid_or_revoked_after_a_crash(daemon):
    ins, out = daemon.login(), daemon.login()
    with daemon.wire(ins["access_token"]) as wire:
        key = wire.ask("POST", "/auth/keys", {"name": "ci", "scopes": ["apps:read"]}).json["key"]
    assert status(daemon, out["access_token"], "/auth/logout", "POST", {}) == 204
    again = restarted(daemon, ALM_ADMIN_PASSWORD="another password than before")
    try:
        assert [status(again, token) for token in (ins["access_token"], key, out["access_token"])] == [
            200,
            200,
            401,
        ]
        refresh = {"refresh_token": ins["refresh_token"]}
        assert status(again, "", "/auth/refresh", "POST", refresh) == 200
        assert again.login("admin", ADMIN_PASSWORD)
        wrong = {"username": "admin", "password": "another password than before"}
        assert status(again, "", "/auth/login", "POST", wrong) == 401
    finally:
        again.end()


def test_failures_count_across_restarts(daemon):
    wrong = {"username": "admin", "password": "a wrong password"}
    assert [status(daemon, "", "/auth/login", "POST", wrong) for _ in range(4)] == [401] * 4
    again = restarted(daemon)
    try:
        with again.wire() as wire:
            replies = [wire.ask("POST", "/auth/login", wrong) for _ in range(2)]
        assert [reply.status for reply in replies] == [401, 429]
        assert 0 < int(replies[1].header("retry-after")) <= 900
        assert replies[1].json["type"] == "/problems/too-many-requests"
    finally:
        again.end()


def test_a_secret_is_rotated_without_ending_sessions(tmp_path):
    daemon = Daemon(tmp_path, environment={"JWT_SECRET": SECRET})
    try:
        token = daemon.start().login()["access_token"]
    finally:
        daemon.end()
    for secrets, expected in ((f"{OTHER} {SECRET}", 200), (OTHER, 401)):
        again = Daemon(tmp_path, environment={"JWT_SECRET": secrets})
        try:
            assert status(again.start(), token) == expected
        finally:
            again.end()


@pytest.mark.parametrize(
    "setting",
    [
        {"JWT_SECRET": "tooshort"},
        {"JWT_PRIVATE_KEY": "/nowhere/key.pem"},
        {"JWT_JWKS": "{}x"},
        {"ALM_TRUSTED_PROXIES": "all users"},
        {"ALM_ADMIN_PASSWORD": "tooshort"},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_an_insecure_setting_stops_the_server(tmp_path, setting):
    command = [
        "serve",
        "all",
        "--host",
        HOST,
        "--port",
        str(free_port()),
        "--data-dir",
        str(tmp_path / "data"),
    ]
    result = server_commands.run_with_only(setting, *command)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "tooshort" not in result.stderr
    assert next(iter(setting)) in result.stderr or "password" in result.stderr
