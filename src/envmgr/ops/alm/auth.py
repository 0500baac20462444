"""Signing in to a server and out of it, and who one is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client import credentials, tokens
from envmgr.alm.client.api import Api
from envmgr.alm.client.credentials import StoredCredentials
from envmgr.alm.client.fields import get_str, require_object
from envmgr.kit.config import settings
from envmgr.kit.errors import AlmError, EnvmgrError, NotSignedIn
from envmgr.kit.file_locks import file_lock
from envmgr.kit.frozen import frozen, replace
from envmgr.ops.alm.connection import static_token, wire_to

if TYPE_CHECKING:
    from envmgr.alm.client.fields import Document
    from envmgr.alm.client.transport import Transport
    from envmgr.resolve.context import Context


@frozen
class SignedIn:
    """Who one is now; `is_default`: commands go to this server without being told, and `is_new_default` since now.

    `replaced` is whose sign-in there was kept before.
    """

    url: str
    me: Document
    is_default: bool
    is_new_default: bool
    replaced: str = ""


@frozen
class SignedOut:
    """What was forgotten; `trouble` says why the server could not be told."""

    url: str
    actor: str
    server_error: str


def login_with_password(context: Context, url: str | None, username: str, password: str) -> SignedIn:
    """Exchange a name and a password for tokens, and keep those."""
    wire = wire_to(context, url)
    login = tokens.sign_in(wire, username, password)
    return _store(context, wire, login, tokens.StaticToken(login.token))


def login_with_token(context: Context, url: str | None, token: str) -> SignedIn:
    """Check a token, and keep it."""
    given = static_token(token, "this token", "give another, or sign in with a name and a password")
    return _store(context, wire_to(context, url), StoredCredentials(token), given)


def _store(
    context: Context, wire: Transport, login: StoredCredentials, given: tokens.StaticToken
) -> SignedIn:
    me = require_object(Api(wire, given).get("/auth/me"))
    login = replace(login, actor=get_str(me, "actor"))
    replaced = _replaced(credentials.load(context.paths, wire.url), login)
    credentials.save(context.paths, wire.url, login)
    was = context.settings.alm_url
    if not was:
        with file_lock(context.paths, "settings"):
            settings.set_value(context.paths.config_file, "alm_url", wire.url)
    return SignedIn(wire.url, me, not was or was.rstrip("/") == wire.url, not was, replaced)


def _replaced(before: StoredCredentials | None, now: StoredCredentials) -> str:
    """Return whose sign-in another one takes the place of; nothing where it is the same, once more."""
    if before is None or (
        before.actor == now.actor and bool(before.refresh_token) == bool(now.refresh_token)
    ):
        return ""
    return before.actor or "somebody"


def logout(context: Context, url: str | None) -> SignedOut:
    """Have the server forget a sign-in, and forget it here even where the server is away."""
    wire = wire_to(context, url)
    login = credentials.load(context.paths, wire.url)
    if login is None:
        raise NotSignedIn(f"you are not signed in to {wire.url}", "there is nothing to do")
    trouble = ""
    if login.refresh_token:
        try:
            _revoke(context, wire)
        except NotSignedIn:
            pass  # the server has forgotten it already
        except EnvmgrError as error:
            trouble = error.message
    credentials.remove(context.paths, wire.url)
    return SignedOut(wire.url, login.actor, trouble)


def _revoke(context: Context, wire: Transport) -> None:
    kept = tokens.StoredToken(context.paths, wire)
    token = kept.get()
    login = credentials.load(context.paths, wire.url)
    if login is None:
        raise AlmError("somebody else signed out at the same time")
    Api(wire, tokens.StaticToken(token)).post("/auth/logout", {"refresh_token": login.refresh_token})


def whoami(api: Api) -> Document:
    """Return who the server takes us for, and what we may do."""
    return require_object(api.get("/auth/me"))
