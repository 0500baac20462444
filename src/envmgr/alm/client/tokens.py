"""Sources of access tokens: a static one, or stored credentials that are refreshed."""

from __future__ import annotations

import time

from envmgr.alm.client import credentials
from envmgr.alm.client.credentials import StoredCredentials
from envmgr.alm.client.fields import get_int, get_str, require_object
from envmgr.alm.client.transport import ApiRequest, encode_json
from envmgr.kit.errors import AlmInvalidRequest, Forbidden, NotSignedIn
from envmgr.kit.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from envmgr.alm.client.transport import Transport
    from envmgr.kit.paths import Paths

    class TokenSource(Protocol):
        """Provides the token of requests."""

        @property
        def hint(self) -> str:
            """Return the hint for a rejected token."""
            ...

        def get(self) -> str:
            """Return the token to send; raise NotSignedIn without one."""
            ...

        def refresh(self, rejected: str) -> str | None:
            """Return another token than the rejected one, or None."""
            ...


REFRESH_MARGIN_SECONDS = 30.0
"""A token is refreshed this long before it expires."""


class StaticToken:
    """A token from an option or the environment."""

    def __init__(self, token: str, hint: str = "") -> None:
        self._token = token
        self.hint = hint

    def get(self) -> str:
        """Return the token."""
        return self._token

    def refresh(self, rejected: str) -> str | None:  # noqa: ARG002 - a static token has no alternative
        """Return None: a static token cannot be refreshed."""
        return None


class StoredToken:
    """Credentials stored by `alm login`; concurrent processes refresh them only once."""

    def __init__(self, paths: Paths, transport: Transport) -> None:
        self._paths = paths
        self._transport = transport
        self.hint = f"run `envmgr alm login {transport.url}`"

    def get(self) -> str:
        """Return the stored token, refreshed if it is about to expire."""
        stored = self._load()
        return self._refresh(stored).token if _is_expiring(stored) else stored.token

    def refresh(self, rejected: str) -> str | None:
        """Refresh the rejected token, unless another process already did."""
        stored = self._load()
        if stored.token != rejected:
            return stored.token
        return self._refresh(stored).token if stored.refresh_token else None

    def _load(self) -> StoredCredentials:
        stored = credentials.load(self._paths, self._transport.url)
        if stored is None:
            raise not_signed_in(self._transport.url)
        return stored

    def _refresh(self, expired: StoredCredentials) -> StoredCredentials:
        """Exchange the single-use refresh token: check, lock, check again."""
        from envmgr.kit.file_locks import file_lock

        with file_lock(self._paths, credentials.LOCK_NAME):
            stored = self._load()
            if stored != expired:
                return stored
            try:
                refreshed = replace(_to_credentials(self._request_refresh(stored)), actor=stored.actor)
            except (NotSignedIn, Forbidden, AlmInvalidRequest):
                credentials.remove_locked(self._paths, self._transport.url)
                raise NotSignedIn(
                    f"session at {self._transport.url} expired",
                    f"run `envmgr alm login {self._transport.url}`",
                ) from None
            credentials.store(self._paths, self._transport.url, refreshed)
            return refreshed

    def _request_refresh(self, stored: StoredCredentials) -> object:
        body = encode_json({"refresh_token": stored.refresh_token})
        # Not repeatable: the server revokes the session if a refresh token is used twice.
        return self._transport.send(
            ApiRequest("POST", "/auth/refresh", {}, {}, body, repeatable=False)
        ).document


def sign_in(transport: Transport, username: str, password: str) -> StoredCredentials:
    """Exchange a username and password for tokens."""
    body = encode_json({"username": username, "password": password})
    try:
        response = transport.send(ApiRequest("POST", "/auth/login", {}, {}, body, repeatable=False))
    except NotSignedIn as error:
        error.hint = "forgot your password? ask an admin to reset it"
        raise
    return replace(_to_credentials(response.document), actor=username)


def _to_credentials(document: object) -> StoredCredentials:
    tokens = require_object(document)
    return StoredCredentials(
        token=get_str(tokens, "access_token"),
        refresh_token=get_str(tokens, "refresh_token"),
        expires_at=time.time() + get_int(tokens, "expires_in"),
    )


def _is_expiring(stored: StoredCredentials) -> bool:
    return bool(stored.refresh_token) and stored.expires_at - REFRESH_MARGIN_SECONDS <= time.time()


def not_signed_in(url: str) -> NotSignedIn:
    """Return the error for a server without stored credentials."""
    return NotSignedIn(
        f"not signed in to {url}",
        f"run `envmgr alm login {url}`, or in CI set ENVMGR_ALM_TOKEN to an API key",
    )
