"""The token that requests carry: one that was given, or one that is renewed before and when it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from envmgr.alm.client import credentials
from envmgr.alm.client.credentials import StoredCredentials
from envmgr.alm.client.fields import get_int, get_str, require_object
from envmgr.alm.client.transport import ApiRequest, encode_json
from envmgr.kit.errors import AlmInvalidRequest, Forbidden, NotSignedIn
from envmgr.kit.file_locks import file_lock
from envmgr.kit.frozen import replace

if TYPE_CHECKING:
    from envmgr.alm.client.transport import Transport
    from envmgr.kit.paths import Paths

REFRESH_MARGIN_SECONDS = 30.0
"""Seconds before its end from which a token is renewed rather than used."""


class TokenSource(Protocol):
    """Where requests get their token; `hint` says the way out where the server refuses it."""

    @property
    def hint(self) -> str:
        """Say the way out."""
        ...

    def get(self) -> str:
        """Return the token to send. Raise NotSignedIn where there is none."""
        ...

    def refresh(self, refused: str) -> str | None:
        """Return another token than one that the server refused, or None where there is no other."""
        ...


class StaticToken:
    """A token that was given for this run, and what to do where it is refused."""

    def __init__(self, token: str, hint: str = "") -> None:
        self._token = token
        self.hint = hint

    def get(self) -> str:
        """Return it."""
        return self._token

    def refresh(self, refused: str) -> str | None:  # noqa: ARG002 - there is only one
        """Return None: there is no other."""
        return None


class StoredToken:
    """What `alm login` kept; of processes that find it ended at the same time, one renews it for all."""

    def __init__(self, paths: Paths, wire: Transport) -> None:
        self._paths = paths
        self._transport = wire
        self.hint = f"`envmgr alm login {wire.url}` signs in anew"

    def get(self) -> str:
        """Return the token kept, renewed if it is about to end."""
        login = self._load()
        return self._renew(login).token if _is_ending(login) else login.token

    def refresh(self, refused: str) -> str | None:
        """Renew the token that was refused, unless another process has done so already."""
        login = self._load()
        if login.token != refused:
            return login.token
        return self._renew(login).token if login.refresh_token else None

    def _load(self) -> StoredCredentials:
        login = credentials.load(self._paths, self._transport.url)
        if login is None:
            raise not_signed_in(self._transport.url)
        return login

    def _renew(self, ended: StoredCredentials) -> StoredCredentials:
        """Exchange the refresh token, which is good for one exchange only: ask, lock, ask again."""
        with file_lock(self._paths, credentials.LOCK):
            login = self._load()
            if login != ended:
                return login
            try:
                fresh = replace(_login(self._exchanged(login)), actor=login.actor)
            except (NotSignedIn, Forbidden, AlmInvalidRequest):
                credentials.remove_locked(self._paths, self._transport.url)
                raise NotSignedIn(
                    f"your sign-in at {self._transport.url} has ended",
                    f"envmgr alm login {self._transport.url}",
                ) from None
            credentials.store(self._paths, self._transport.url, fresh)
            return fresh

    def _exchanged(self, login: StoredCredentials) -> object:
        body = encode_json({"refresh_token": login.refresh_token})
        # Not repeatable: the server takes a second use of a refresh token for a thief's.
        return self._transport.send(
            ApiRequest("POST", "/auth/refresh", {}, {}, body, repeatable=False)
        ).document


def sign_in(wire: Transport, username: str, password: str) -> StoredCredentials:
    """Exchange a name and a password for tokens."""
    body = encode_json({"username": username, "password": password})
    try:
        answer = wire.send(ApiRequest("POST", "/auth/login", {}, {}, body, repeatable=False))
    except NotSignedIn as error:
        error.hint = "whoever forgot the password: an admin of the server can set a new one"
        raise
    return replace(_login(answer.document), actor=username)


def _login(answer: object) -> StoredCredentials:
    found = require_object(answer)
    return StoredCredentials(
        token=get_str(found, "access_token"),
        refresh_token=get_str(found, "refresh_token"),
        expires_at=time.time() + get_int(found, "expires_in"),
    )


def _is_ending(login: StoredCredentials) -> bool:
    return bool(login.refresh_token) and login.expires_at - REFRESH_MARGIN_SECONDS <= time.time()


def not_signed_in(url: str) -> NotSignedIn:
    """Say that there is no token for a server."""
    return NotSignedIn(
        f"you are not signed in to {url}",
        f"`envmgr alm login {url}`, or, in a CI job, put an API key into ENVMGR_ALM_TOKEN",
    )
