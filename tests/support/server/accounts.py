"""Users and API keys at an ALM server."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from support.server.concurrent_writers import lock
from support.server.renewed_session import RenewedSession

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.http.raw_client import Reply, Wire
    from support.server.server_process import Daemon

PASSWORD = "a password of good length"


@dataclass(frozen=True)
class Person:
    """A user who is signed in."""

    id: int
    name: str
    password: str
    token: str
    refresh: str


class Accounts:
    """Creates credentials of every kind through the API."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self._admin_session = RenewedSession(daemon.login)
        self._people: dict[str, tuple[Person, RenewedSession]] = {}

    @property
    def admin(self) -> str:
        """The token of the admin."""
        return self._admin_session.token

    def new_user(self, role: str) -> Person:
        """Create a user and sign in."""
        name = f"{role}-{uuid.uuid4().hex[:8]}"
        body = {"username": name, "password": PASSWORD, "role": role}
        user = _created(self._ask(self.admin, "POST", "/users", body))
        session = self.daemon.login(name, PASSWORD)
        return Person(user["id"], name, PASSWORD, session["access_token"], session["refresh_token"])

    def token(self, role: str) -> str:
        """Return the token of a user with a role, the same user for each call."""
        if role not in self._people:
            person = self.new_user(role)
            login = partial(self.daemon.login, person.name, person.password)
            self._people[role] = person, RenewedSession(login)
        return self._people[role][1].token

    def fresh(self, token: str) -> str:
        """Return another token of the same user, for tests that revoke it; other tokens unchanged."""
        for person, session in self._people.values():
            if session.token == token:
                return self.daemon.login(person.name, person.password)["access_token"]
        return token

    def key(
        self,
        scopes: Iterable[str],
        *,
        apps: Iterable[str] | None = None,
        expires_in: int | None = None,
        token: str = "",
    ) -> str:
        """Create an API key."""
        body: dict[str, object] = {"name": "a key", "scopes": list(scopes)}
        if apps is not None:
            body["apps"] = list(apps)
        if expires_in is not None:
            body["expires_in"] = expires_in
        return _created(self._ask(token or self.admin, "POST", "/auth/keys", body))["key"]

    def revoked_key(self, scopes: Iterable[str]) -> str:
        """Create an API key and revoke it."""
        key = self.key(scopes)
        reply = self._ask(self.admin, "DELETE", f"/auth/keys/{key.split('_')[1]}")
        assert reply.status == 204, reply.text
        return key

    def signed_out(self) -> str:
        """Return the token of a user who signed out."""
        person = self.new_user("user")
        assert self._ask(person.token, "POST", "/auth/logout", {}).status == 204
        return person.token

    def app_with_version(self, wire: Wire, name: str) -> dict[str, dict]:
        """Create an app with a unique description, and a version of it."""
        described = {"name": name, "description": uuid.uuid4().hex}
        app = _created(wire.ask("POST", "/apps", described))
        version = _created(wire.ask("PUT", f"/apps/{name}/versions/1.0.0", {"toolchain": {"lock": lock()}}))
        return {"app": app, "version": version}

    def deployed_app(self, wire: Wire, name: str, environment: str) -> dict[str, dict]:
        """Create an app and a version, and deploy it."""
        resources = self.app_with_version(wire, name)
        body = {"version_id": resources["version"]["id"], "environment": environment}
        deployment = _created(wire.ask("POST", "/deployments", body))
        target = f"/deployments/{deployment['id']}"
        for status in ("in_progress", "successful"):
            _created(wire.ask("POST", f"{target}/statuses", {"status": status}))
        return {**resources, "deployment": wire.ask("GET", target).json}

    def _ask(self, token: str, method: str, target: str, body: object = None) -> Reply:
        with self.daemon.wire(token) as wire:
            return wire.ask(method, target, body)


def _created(reply: Reply) -> dict:
    assert reply.status == 201, (reply, reply.text)
    return reply.json
