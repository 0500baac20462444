"""Secrets are neither stored, returned nor logged: all output of a server is searched for them."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from support.http.oidc_issuer import AUDIENCE, running
from support.server.server_process import ADMIN_PASSWORD, Daemon
from support.services.database_runners import reads_sqlite_file

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
NEW_PASSWORD = "a password that is quite new"
WRONG_PASSWORD = "a password that is quite wrong"
TYPED_TOO_EARLY = "a password typed for a name"
RETRY = "a-retry-that-only-its-maker-knows"


class Story:
    """Operations of users at a server, and the secrets that must not appear."""

    def __init__(self, daemon, issuer):
        self.daemon, self.issuer = daemon, issuer
        self.secrets = {ADMIN_PASSWORD, NEW_PASSWORD, WRONG_PASSWORD, TYPED_TOO_EARLY, RETRY}

    def ask(self, token, method, target, body=None, status=200, **headers):
        with self.daemon.wire(token) as wire:
            reply = wire.ask(
                method, target, body, {name.replace("_", "-"): value for name, value in headers.items()}
            )
        assert reply.status == status, (method, target, reply.text)
        return reply.json if reply.body else None

    def login(self, username, password):
        tokens = self.daemon.login(username, password)
        self.secrets |= {tokens["access_token"], tokens["refresh_token"]}
        return tokens

    def people(self):
        admin = self.login("admin", ADMIN_PASSWORD)["access_token"]
        self.ask(
            admin,
            "POST",
            "/users",
            {"username": "ada", "password": WRONG_PASSWORD + "?"},
            201,
            idempotency_key=RETRY,
        )
        for username, password in (
            ("admin", WRONG_PASSWORD),
            (TYPED_TOO_EARLY, "x"),
            ("unknown", WRONG_PASSWORD),
        ):
            self.ask("", "POST", "/auth/login", {"username": username, "password": password}, 401)
        tokens = self.login("ada", WRONG_PASSWORD + "?")
        change = {"current": WRONG_PASSWORD + "?", "new": NEW_PASSWORD}
        self.ask(tokens["access_token"], "POST", "/auth/password", change, 200)
        return admin

    def sessions(self):
        tokens = self.login("ada", NEW_PASSWORD)
        refresh = {"refresh_token": tokens["refresh_token"]}
        following = self.ask("", "POST", "/auth/refresh", refresh)
        self.secrets |= {following["access_token"], following["refresh_token"]}
        self.ask("", "POST", "/auth/refresh", refresh, 401)
        self.ask("", "POST", "/auth/refresh", {"refresh_token": tokens["access_token"]}, 401)

    def programs(self, admin):
        body = {"name": "ci", "scopes": ["apps:read"]}
        for _ in range(2):
            key = self.ask(admin, "POST", "/auth/keys", body, 201, idempotency_key=f"{RETRY}-too")["key"]
            self.secrets |= {key, key.split("_", 2)[2]}
        self.ask(key, "POST", "/apps", {"name": "shop"}, 403)
        # Users paste secrets into the wrong field.
        for wrong in (f"{key}x", key.replace("evm_", "evm_9")):
            self.ask(wrong, "GET", f"/apps/{quote(key)}?token={quote(key)}", None, 401)
        self.ask(key, "GET", f"/apps/{quote(key)}", None, 404)
        self.ask(key, "GET", "/users", None, 403, x_token=key, user_agent=key)

    def jobs(self, admin):
        binding = {"issuer": self.issuer.url, "audience": AUDIENCE, "claims": {"repository_id": "123"}}
        self.ask(admin, "POST", "/auth/bindings", {**binding, "scopes": ["apps:read"]}, 201)
        token = self.issuer.token()
        self.secrets.add(token)
        responses = {
            "grant_type": GRANT,
            "subject_token": token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        }
        self.secrets.add(self.ask("", "POST", "/auth/token", responses)["access_token"])
        self.ask("", "POST", "/auth/token", responses, 400)
        self.ask("", "POST", "/auth/token", {**responses, "subject_token": token[:-4]}, 400)
        self.ask("", "POST", "/auth/token", {**responses, "subject_token": [token]}, 400)


@pytest.fixture
def story(tmp_path):
    with running() as issuer:
        daemon = Daemon(tmp_path, "--log-level", "debug")
        try:
            yield Story(daemon.start(), issuer)
        finally:
            daemon.end()


@reads_sqlite_file
def test_no_secret_is_stored_returned_or_logged(story):
    admin = story.people()
    story.sessions()
    story.programs(admin)
    story.jobs(admin)
    story.daemon.settle(admin)
    assert story.daemon.stop() == 0
    files = {path.name: path.read_bytes() for path in story.daemon.data.rglob("*") if path.is_file()}
    files["log"] = story.daemon.log.read_bytes()
    assert {"gateway.db", "audit.db", "log"} <= set(files)
    assert b"LoginFailed" in files["audit.db"]
    matches = [
        (name, secret[:12])
        for name, content in files.items()
        for secret in story.secrets
        for encoded in {secret, quote(secret), secret.rpartition(".")[2]}
        if len(encoded) > 10 and encoded.encode() in content
    ]
    assert matches == []


def test_secret_files_are_private_to_their_owner(story):
    modes = {path.name: path.stat().st_mode & 0o077 for path in story.daemon.data.iterdir() if path.is_file()}
    assert modes["jwt.secret"] == modes["audit.key"] == 0
    assert story.daemon.data.stat().st_mode & 0o077 == 0
