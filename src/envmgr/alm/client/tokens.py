"""The token that requests carry: one that was given, or one that is renewed before and when it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from envmgr.alm.client import credentials
from envmgr.alm.client.credentials import Login
from envmgr.alm.client.fields import document, number, text
from envmgr.alm.client.transport import Asked, encoded
from envmgr.kit.errors import AlmInvalid, Forbidden, NotSignedIn
from envmgr.kit.file_locks import holding
from envmgr.kit.frozen import replace

if TYPE_CHECKING:
    from envmgr.alm.client.transport import Wire
    from envmgr.kit.paths import Paths

EARLY = 30.0
"""Seconds before its end from which a token is renewed rather than used."""


class Tokens(Protocol):
    """Where requests get their token; `hint` says the way out where the server refuses it."""

    @property
    def hint(self) -> str:
        """Say the way out."""
        ...

    def current(self) -> str:
        """Return the token to send. Raise NotSignedIn where there is none."""
        ...

    def renewed(self, refused: str) -> str | None:
        """Return another token than one that the server refused, or None where there is no other."""
        ...


class Given:
    """A token that was given for this run, and what to do where it is refused."""

    def __init__(self, token: str, hint: str = "") -> None:
        self._token = token
        self.hint = hint

    def current(self) -> str:
        """Return it."""
        return self._token

    def renewed(self, refused: str) -> str | None:  # noqa: ARG002 - there is only one
        """Return None: there is no other."""
        return None


class Kept:
    """What `alm login` kept; of processes that find it ended at the same time, one renews it for all."""

    def __init__(self, paths: Paths, wire: Wire) -> None:
        self._paths = paths
        self._wire = wire
        self.hint = f"`envmgr alm login {wire.url}` signs in anew"

    def current(self) -> str:
        """Return the token kept, renewed if it is about to end."""
        login = self._load()
        return self._renew(login).token if _is_ending(login) else login.token

    def renewed(self, refused: str) -> str | None:
        """Renew the token that was refused, unless another process has done so already."""
        login = self._load()
        if login.token != refused:
            return login.token
        return self._renew(login).token if login.refresh_token else None

    def _load(self) -> Login:
        login = credentials.load(self._paths, self._wire.url)
        if login is None:
            raise not_signed_in(self._wire.url)
        return login

    def _renew(self, ended: Login) -> Login:
        """Exchange the refresh token, which is good for one exchange only: ask, lock, ask again."""
        with holding(self._paths, credentials.LOCK):
            login = self._load()
            if login != ended:
                return login
            try:
                fresh = replace(_login(self._exchanged(login)), actor=login.actor)
            except (NotSignedIn, Forbidden, AlmInvalid):
                credentials.drop(self._paths, self._wire.url)
                raise NotSignedIn(
                    f"your sign-in at {self._wire.url} has ended", f"envmgr alm login {self._wire.url}"
                ) from None
            credentials.store(self._paths, self._wire.url, fresh)
            return fresh

    def _exchanged(self, login: Login) -> object:
        body = encoded({"refresh_token": login.refresh_token})
        # Not repeatable: the server takes a second use of a refresh token for a thief's.
        return self._wire.ask(Asked("POST", "/auth/refresh", {}, {}, body, repeatable=False)).document


def sign_in(wire: Wire, username: str, password: str) -> Login:
    """Exchange a name and a password for tokens."""
    body = encoded({"username": username, "password": password})
    try:
        answer = wire.ask(Asked("POST", "/auth/login", {}, {}, body, repeatable=False))
    except NotSignedIn as error:
        error.hint = "whoever forgot the password: an admin of the server can set a new one"
        raise
    return replace(_login(answer.document), actor=username)


def _login(answer: object) -> Login:
    found = document(answer)
    return Login(
        token=text(found, "access_token"),
        refresh_token=text(found, "refresh_token"),
        expires_at=time.time() + number(found, "expires_in"),
    )


def _is_ending(login: Login) -> bool:
    return bool(login.refresh_token) and login.expires_at - EARLY <= time.time()


def not_signed_in(url: str) -> NotSignedIn:
    """Say that there is no token for a server."""
    return NotSignedIn(
        f"you are not signed in to {url}",
        f"`envmgr alm login {url}`, or, in a CI job, put an API key into ENVMGR_ALM_TOKEN",
    )
