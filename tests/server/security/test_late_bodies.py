"""A body that arrives after its sender lost the scope changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

import pytest

from support.server.accounts import PASSWORD
from support.services.database_runners import reads_sqlite_file

WITHOUT_CREDENTIAL = {"POST /auth/login", "POST /auth/refresh", "POST /auth/token"}
SCOPES = ["users:admin", "apps:read", "versions:read", "deployments:read", "audit:read"]
LOSSES = {
    "deleted": "UPDATE user SET deleted_at = 1 WHERE id = ?1",
    "deactivated": "UPDATE user SET active = 0 WHERE id = ?1",
    "another role": "UPDATE user SET role = 'viewer' WHERE id = ?1",
    "session ended": "UPDATE session SET revoked_at = 1 WHERE user_id = ?1",
    "key revoked": "UPDATE api_key SET revoked_at = 1 WHERE user_id = ?1",
}
RUN_SQL = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60)
with connection:
    assert connection.execute(sys.argv[2], (int(sys.argv[3]),)).rowcount >= 1
"""
BODY = {"username": "late", "password": PASSWORD, "role": "admin"}


def begin(wire, method, target, length):
    """Send the head of a request and the first byte of its body."""
    head = [
        f"{method} {target} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {wire.token}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
    ]
    wire.send("\r\n".join([*head, "", ""]).encode() + b"{")


def await_head(ruling):
    """Wait until the server, which answers in order of arrival, has read what was sent before."""
    for _ in range(5):
        assert ruling.ask("GET", "/auth/me").status == 200


@pytest.fixture(scope="module")
def write_operations(accounts):
    """Return every operation with a body and a credential."""
    with accounts.daemon.wire(accounts.admin) as wire:
        paths = wire.ask("GET", "/openapi.json").json["paths"]
    operations = [
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and "requestBody" in operation
    ]
    return sorted(set(operations) - WITHOUT_CREDENTIAL)


def test_every_operation_rejects_a_body_of_a_deleted_sender(accounts, admin_wire, write_operations):
    assert len(write_operations) >= 15
    sender, wires = accounts.new_user("admin"), {}
    for operation in write_operations:
        method, path = operation.split(" ")
        target = "/".join("1" if step.startswith("{") else step for step in path.split("/"))
        wires[operation] = accounts.daemon.wire(sender.token)
        begin(wires[operation], method, target, 2)
    await_head(admin_wire)
    assert admin_wire.ask("DELETE", f"/users/{sender.id}").status == 204
    statuses = {}
    for operation, wire in wires.items():
        wire.send(b"}")
        statuses[operation] = wire.reply().status
        wire.close()
    assert statuses == dict.fromkeys(write_operations, 401)


@pytest.mark.parametrize("loss", ["deleted", "signed out", "another role", "key revoked", "owner's role"])
def test_a_user_is_not_created_by_a_caller_who_lost_the_scope(accounts, admin_wire, loss):
    sender = accounts.new_user("admin")
    is_key = loss in {"key revoked", "owner's role"}
    token = accounts.key(SCOPES, token=sender.token) if is_key else sender.token
    name = f"late-{uuid.uuid4().hex[:8]}"
    body = json.dumps({**BODY, "username": name, "role": "viewer" if is_key else "admin"}).encode()
    with accounts.daemon.wire(token) as wire:
        begin(wire, "POST", "/users", len(body))
        await_head(admin_wire)
        if loss == "deleted":
            assert admin_wire.ask("DELETE", f"/users/{sender.id}").status == 204
        elif loss == "signed out":
            with accounts.daemon.wire(sender.token) as sender_wire:
                assert sender_wire.ask("POST", "/auth/logout", {}).status == 204
        elif loss == "key revoked":
            assert admin_wire.ask("DELETE", f"/auth/keys/{token.split('_')[1]}").status == 204
        else:
            assert admin_wire.ask("PATCH", f"/users/{sender.id}", {"role": "user"}).status == 200
        wire.send(body[1:])
        assert wire.reply().status == (403 if loss == "owner's role" else 401)
    assert admin_wire.ask("GET", f"/users/{name}").status == 404


@reads_sqlite_file
def test_a_loss_by_another_process_is_seen_by_the_write(accounts, admin_wire):
    """The writer checked these callers before, and read no rows since: it reads them again."""
    senders = {loss: accounts.new_user("user") for loss in LOSSES}
    tokens = {
        loss: accounts.key(["apps:write"], token=sender.token) if loss == "key revoked" else sender.token
        for loss, sender in senders.items()
    }
    wires, names = {}, {loss: f"late-{uuid.uuid4().hex[:8]}" for loss in LOSSES}
    for loss, token in tokens.items():
        wires[loss] = accounts.daemon.wire(token)
        for number in range(2):
            assert wires[loss].ask("POST", "/apps", {"name": f"{names[loss]}-{number}"}).status == 201
        begin(wires[loss], "POST", "/apps", len(json.dumps({"name": names[loss]})))
    await_head(admin_wire)
    for loss, sender in senders.items():
        database = accounts.daemon.data / "gateway.db"
        subprocess.run(
            [sys.executable, "-c", RUN_SQL, str(database), LOSSES[loss], str(sender.id)], check=True
        )
    statuses = {}
    for loss, wire in wires.items():
        wire.send(json.dumps({"name": names[loss]}).encode()[1:])
        statuses[loss] = wire.reply().status
        wire.close()
        assert admin_wire.ask("GET", f"/apps/{names[loss]}").status == 404
    assert statuses == {**dict.fromkeys(LOSSES, 401), "another role": 403}
