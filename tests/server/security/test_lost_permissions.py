"""Permissions that are lost between the check of the request and the writing transaction.

The databases are locked from outside while the requests arrive: each passes authentication and waits for its
transaction, and finds the loss there.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from support.http.oidc_issuer import AUDIENCE, running
from support.server.accounts import PASSWORD
from support.services.database_runners import reads_sqlite_file

SESSION, KEY, JOB = "session", "key", "job"
ALL, PERSON = {SESSION, KEY, JOB}, {SESSION}
SCOPES = [
    "apps:read",
    "apps:write",
    "audit:read",
    "deployments:read",
    "deployments:write",
    "environments:write",
    "users:admin",
    "versions:read",
    "versions:write",
]
ISSUER_CLAIMS = {"repository_id": "123"}
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
}


class Loss(NamedTuple):
    """A statement that ends a permission of a kind of credential, and the status of the write."""

    kind: str
    statement: str
    status: int


ATTEMPTS = 5
ENDED, REDUCED = "the credential was revoked or has expired", "permissions were reduced during the request"
LOSSES = {
    "user deleted": Loss(SESSION, "UPDATE user SET deleted_at = 1 WHERE id = :user", 401),
    "user deactivated": Loss(SESSION, "UPDATE user SET active = 0 WHERE id = :user", 401),
    "role lowered": Loss(SESSION, "UPDATE user SET role = 'viewer' WHERE id = :user", 403),
    "signed out": Loss(SESSION, "UPDATE session SET revoked_at = 1 WHERE user_id = :user", 401),
    "session expired": Loss(SESSION, "UPDATE session SET expires_at = 1 WHERE user_id = :user", 401),
    "key revoked": Loss(KEY, "UPDATE api_key SET revoked_at = 1 WHERE user_id = :user", 401),
    "key expired": Loss(KEY, "UPDATE api_key SET expires_at = 1 WHERE user_id = :user", 401),
    "scopes of the key removed": Loss(KEY, "UPDATE api_key SET scopes = '[]' WHERE user_id = :user", 403),
    "role of the owner lowered": Loss(KEY, "UPDATE user SET role = 'viewer' WHERE id = :user", 403),
    "owner of the key deleted": Loss(KEY, "UPDATE user SET deleted_at = 1 WHERE id = :user", 401),
    "binding removed": Loss(JOB, "DELETE FROM binding WHERE name = :binding", 401),
    "scopes of the binding removed": Loss(JOB, "UPDATE binding SET scopes = '[]' WHERE name = :binding", 403),
}
NO_LOSS = {kind: Loss(kind, "", 0) for kind in (SESSION, KEY, JOB)}


class Targets:
    """Resources that writes can change, each new."""

    def __init__(self, accounts, wire):
        self._accounts = accounts
        self._wire = wire

    def _create(self, path, body, method="POST"):
        reply = self._wire.ask(method, path, body)
        assert reply.status == 201, reply.text
        return reply.json

    @staticmethod
    def name():
        return f"lost-{uuid.uuid4().hex[:12]}"

    def app(self):
        return self._create("/apps", {"name": self.name()})

    def version(self):
        return self._create(f"/apps/{self.app()['id']}/versions/1.0.0", {}, "PUT")

    def deployment(self):
        body = {"version_id": self.version()["id"], "environment": "prod"}
        return self._create("/deployments", body)

    def finished_deployment(self):
        """Return a cancelled deployment that is not the latest of its place."""
        deployment = self.deployment()
        self._create(f"/deployments/{deployment['id']}/statuses", {"status": "cancelled"})
        body = {"version_id": deployment["version_id"], "environment": deployment["environment"]}
        self._create("/deployments", body)
        return deployment

    def environment(self):
        return self._create("/environments", {"name": self.name()})["name"]

    def user(self):
        return self._create("/users", {"username": self.name(), "password": PASSWORD, "role": "viewer"})

    def key(self):
        return self._create("/auth/keys", {"name": "target", "scopes": ["apps:read"]})

    def binding_body(self, issuer="https://ci.example", scopes=("apps:read",)):
        claims = {**ISSUER_CLAIMS, "ref": self.name()} if issuer == "https://ci.example" else ISSUER_CLAIMS
        return {
            "name": self.name(),
            "issuer": issuer,
            "audience": AUDIENCE,
            "claims": claims,
            "scopes": list(scopes),
        }

    def binding(self):
        return self._create("/auth/bindings", self.binding_body())


@dataclass(frozen=True)
class Write:
    """A write operation: the kinds of credentials that may do it, and how to make its target and body."""

    kinds: set[str]
    make: object


WRITES = {
    "POST /apps": Write(ALL, lambda t: ("/apps", {"name": t.name()})),
    "PUT /apps/{app}": Write(ALL, lambda t: (f"/apps/{t.app()['id']}", {"name": t.name()})),
    "PATCH /apps/{app}": Write(ALL, lambda t: (f"/apps/{t.app()['id']}", {"description": "x"})),
    "DELETE /apps/{app}": Write(ALL, lambda t: (f"/apps/{t.app()['id']}", None)),
    "POST /versions": Write(ALL, lambda t: ("/versions", {"app_id": t.app()["id"], "tag": "1"})),
    "PUT /versions/{version_id}": Write(
        ALL, lambda t: (f"/versions/{t.version()['id']}", {"changelog": "x"})
    ),
    "PATCH /versions/{version_id}": Write(
        ALL, lambda t: (f"/versions/{t.version()['id']}", {"changelog": "x"})
    ),
    "DELETE /versions/{version_id}": Write(ALL, lambda t: (f"/versions/{t.version()['id']}", None)),
    "POST /apps/{app}/versions": Write(ALL, lambda t: (f"/apps/{t.app()['id']}/versions", {"tag": "1"})),
    "PUT /apps/{app}/versions/{tag}": Write(ALL, lambda t: (f"/apps/{t.app()['id']}/versions/1", {})),
    "POST /deployments": Write(
        ALL, lambda t: ("/deployments", {"version_id": t.version()["id"], "environment": "prod"})
    ),
    "PUT /deployments/{deployment_id}": Write(
        ALL, lambda t: (f"/deployments/{t.deployment()['id']}", {"status": "in_progress"})
    ),
    "DELETE /deployments/{deployment_id}": Write(
        ALL, lambda t: (f"/deployments/{t.finished_deployment()['id']}", None)
    ),
    "POST /deployments/{deployment_id}/statuses": Write(
        ALL, lambda t: (f"/deployments/{t.deployment()['id']}/statuses", {"status": "in_progress"})
    ),
    "POST /environments": Write(ALL, lambda t: ("/environments", {"name": t.name()})),
    "PUT /environments/{name}": Write(ALL, lambda t: (f"/environments/{t.environment()}", {"tier": "other"})),
    "PATCH /environments/{name}": Write(
        ALL, lambda t: (f"/environments/{t.environment()}", {"sort_order": 7})
    ),
    "DELETE /environments/{name}": Write(ALL, lambda t: (f"/environments/{t.environment()}", None)),
    "POST /users": Write(
        ALL, lambda t: ("/users", {"username": t.name(), "password": PASSWORD, "role": "viewer"})
    ),
    "PATCH /users/{user}": Write(ALL, lambda t: (f"/users/{t.user()['id']}", {"active": False})),
    "DELETE /users/{user}": Write(ALL, lambda t: (f"/users/{t.user()['id']}", None)),
    "POST /auth/keys": Write(PERSON, lambda _: ("/auth/keys", {"name": "x", "scopes": ["apps:read"]})),
    "DELETE /auth/keys/{key_id}": Write(ALL, lambda t: (f"/auth/keys/{t.key()['id']}", None)),
    "POST /auth/bindings": Write(ALL, lambda t: ("/auth/bindings", t.binding_body())),
    "DELETE /auth/bindings/{binding_id}": Write(ALL, lambda t: (f"/auth/bindings/{t.binding()['id']}", None)),
    "POST /audit/checkpoints": Write(PERSON, lambda _: ("/audit/checkpoints", {})),
}
OWN_ACCOUNT = {
    "POST /auth/password": lambda _: ("/auth/password", {"current": PASSWORD, "new": f"new {PASSWORD}"}),
}
"""Writes that need a session and no scope, so that a lower role may still do them."""
WITHOUT_PERMISSION = {"POST /auth/logout"}
"""Sign-out of one's own session, which is the loss."""
BY_OTHER_CREDENTIAL = {"POST /auth/login", "POST /auth/refresh", "POST /auth/token"}


@dataclass(frozen=True)
class Sender:
    """A credential, and what identifies it in the database."""

    token: str
    user: int
    binding: str = ""
    refresh: str = ""
    name: str = ""


@pytest.fixture(scope="module")
def issuer():
    with running() as result:
        yield result


@pytest.fixture
def targets(accounts, admin_wire):
    return Targets(accounts, admin_wire)


@pytest.fixture
def make_sender(accounts, admin_wire, targets, issuer):
    """Return a function that creates a credential of a kind."""
    bindings = []

    def make(kind):
        while bindings:  # which accept the same tokens
            admin_wire.ask("DELETE", f"/auth/bindings/{bindings.pop()}")
        if kind == JOB:
            body = targets.binding_body(issuer.url, SCOPES)
            reply = admin_wire.ask("POST", "/auth/bindings", body)
            assert reply.status == 201, reply.text
            bindings.append(reply.json["id"])
            return Sender(exchange(accounts, issuer), 0, binding=body["name"])
        person = accounts.new_user("admin")
        token = accounts.key(SCOPES, token=person.token) if kind == KEY else person.token
        return Sender(token, person.id, refresh=person.refresh, name=person.name)

    yield make
    for binding in bindings:
        admin_wire.ask("DELETE", f"/auth/bindings/{binding}")


def exchange(accounts, issuer):
    """Return the access token of a CI job."""
    with accounts.daemon.wire() as wire:
        reply = wire.ask("POST", "/auth/token", {**EXCHANGE, "subject_token": issuer.token()})
    assert reply.status == 200, reply.text
    return reply.json["access_token"]


@contextmanager
def locked_databases(daemon):
    """Yield a connection to the gateway's database while every database is locked for writing."""
    with ExitStack() as stack:
        connections = {}
        for path in sorted(daemon.data.glob("*.db")):
            connection = stack.enter_context(closing(sqlite3.connect(path, timeout=60, isolation_level=None)))
            connection.execute("BEGIN IMMEDIATE")
            connections[path.stem] = connection
        gateway = connections.pop("gateway")
        yield gateway
        gateway.execute("COMMIT")


def send_while_locked(daemon, admin_wire, requests, statement, values):
    """Return the replies to requests, sent before and written after a statement has run."""
    with ExitStack() as stack:
        wires = {
            name: stack.enter_context(daemon.wire(token, timeout=60))
            for name, (token, _, _) in requests.items()
        }
        for wire in wires.values():
            # Of accepted connections, the server reads in order of arrival.
            assert wire.ask("GET", "/healthz").status == 200
        with locked_databases(daemon) as gateway:
            for name, (_, target, body) in requests.items():
                send(wires[name], name.partition(" ")[0], target, body)
            for _ in range(10):
                # These arrive after the requests, which have then passed authentication.
                assert admin_wire.ask("GET", "/auth/me").status == 200
            if statement:
                assert gateway.execute(statement, values).rowcount == 1
        return {name: wire.reply() for name, wire in wires.items()}


def send(wire, method, target, body):
    content = b"" if body is None else json.dumps(body).encode()
    head = [
        f"{method} {target} HTTP/1.1",
        "Host: 127.0.0.1",
        *([f"Authorization: Bearer {wire.token}"] if wire.token else []),
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    wire.send("\r\n".join([*head, "", ""]).encode() + content)


def replies_to_writes(accounts, admin_wire, targets, make_sender, loss):
    """Return the replies to every write of a kind of sender that has a loss while they wait.

    Repeated on a slow machine: a server waits for a lock for 10 seconds, and may read a request after the loss.
    """
    for _ in range(ATTEMPTS):
        sender = make_sender(loss.kind)
        requests = {
            operation: (sender.token, *write.make(targets))
            for operation, write in WRITES.items()
            if loss.kind in write.kinds
        }
        if loss.kind == SESSION and loss.status == 401:
            requests |= {name: (sender.token, *make(targets)) for name, make in OWN_ACCOUNT.items()}
        values = {"user": sender.user, "binding": sender.binding}
        names = {name for name in values if f":{name}" in loss.statement}
        values = {name: values[name] for name in names}
        replies = send_while_locked(accounts.daemon, admin_wire, requests, loss.statement, values)
        if not any(is_untimely(reply) for name, reply in replies.items() if name in WRITES):
            return replies
    raise AssertionError(replies)


def is_untimely(reply):
    """Return whether a reply is not of the transaction: the lock was too long, or the loss too early."""
    if reply.status == 503:
        return True
    is_refused = reply.status in {401, 403}
    return is_refused and not any(reason in reply.json["detail"] for reason in (ENDED, REDUCED))


def test_every_write_operation_is_covered(admin_wire):
    paths = admin_wire.ask("GET", "/openapi.json").json["paths"]
    writes = {
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method in methods
        if method in {"post", "put", "patch", "delete"}
    }
    assert writes == {*WRITES, *OWN_ACCOUNT, *WITHOUT_PERMISSION, *BY_OTHER_CREDENTIAL}


@reads_sqlite_file
@pytest.mark.parametrize("name", LOSSES)
def test_a_write_is_refused_after_a_loss_before_its_transaction(
    accounts, admin_wire, targets, make_sender, name
):
    loss = LOSSES[name]
    replies = replies_to_writes(accounts, admin_wire, targets, make_sender, loss)
    assert {operation: reply.status for operation, reply in replies.items()} == dict.fromkeys(
        replies, loss.status
    )
    reason = ENDED if loss.status == 401 else REDUCED
    assert [
        operation
        for operation, reply in replies.items()
        if operation in WRITES and reason not in reply.json["detail"]
    ] == []


@reads_sqlite_file
@pytest.mark.parametrize("kind", [SESSION, KEY, JOB])
def test_the_same_writes_succeed_without_a_loss(accounts, admin_wire, targets, make_sender, kind):
    replies = replies_to_writes(accounts, admin_wire, targets, make_sender, NO_LOSS[kind])
    assert {name: reply.text for name, reply in replies.items() if reply.status >= 300} == {}


@reads_sqlite_file
@pytest.mark.parametrize(
    ("operation", "statement", "status"),
    [
        ("POST /auth/login", LOSSES["user deleted"].statement, 401),
        ("POST /auth/login", LOSSES["user deactivated"].statement, 401),
        ("POST /auth/login", "UPDATE user SET password = 'x' WHERE id = :user", 401),
        ("POST /auth/refresh", LOSSES["user deleted"].statement, 401),
        ("POST /auth/refresh", LOSSES["user deactivated"].statement, 401),
        ("POST /auth/refresh", LOSSES["signed out"].statement, 401),
        ("POST /auth/token", LOSSES["binding removed"].statement, 400),
        ("POST /auth/token", LOSSES["scopes of the binding removed"].statement, 400),
    ],
)
def test_no_session_begins_after_a_loss_before_its_transaction(
    accounts, admin_wire, make_sender, issuer, operation, statement, status
):
    for _ in range(ATTEMPTS):
        sender = make_sender(JOB if ":binding" in statement else SESSION)
        bodies = {
            "POST /auth/login": {"username": sender.name, "password": PASSWORD},
            "POST /auth/refresh": {"refresh_token": sender.refresh},
            "POST /auth/token": {**EXCHANGE, "subject_token": issuer.token()},
        }
        requests = {operation: ("", operation.partition(" ")[2], bodies[operation])}
        values = {"binding": sender.binding} if sender.binding else {"user": sender.user}
        reply = send_while_locked(accounts.daemon, admin_wire, requests, statement, values)[operation]
        if reply.status != 503:
            break
    assert reply.status == status, reply.text
