"""Signing in to a server and out of it, and who one is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client import credentials, tokens
from envmgr.alm.client.api import Api
from envmgr.alm.client.credentials import Login
from envmgr.alm.client.fields import document, text
from envmgr.kit.config import settings
from envmgr.kit.errors import AlmError, EnvmgrError, NotSignedIn
from envmgr.kit.file_locks import holding
from envmgr.kit.frozen import frozen, replace
from envmgr.ops.alm.connection import given_as, wire_to

if TYPE_CHECKING:
    from envmgr.alm.client.fields import Document
    from envmgr.alm.client.transport import Wire
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
    trouble: str


def with_password(context: Context, url: str | None, username: str, password: str) -> SignedIn:
    """Exchange a name and a password for tokens, and keep those."""
    wire = wire_to(context, url)
    login = tokens.sign_in(wire, username, password)
    return _kept(context, wire, login, tokens.Given(login.token))


def with_token(context: Context, url: str | None, token: str) -> SignedIn:
    """Check a token, and keep it."""
    given = given_as(token, "this token", "give another, or sign in with a name and a password")
    return _kept(context, wire_to(context, url), Login(token), given)


def _kept(context: Context, wire: Wire, login: Login, given: tokens.Given) -> SignedIn:
    me = document(Api(wire, given).get("/auth/me"))
    login = replace(login, actor=text(me, "actor"))
    replaced = _replaced(credentials.load(context.paths, wire.url), login)
    credentials.save(context.paths, wire.url, login)
    was = context.settings.alm_url
    if not was:
        with holding(context.paths, "settings"):
            settings.set_value(context.paths.config_file, "alm_url", wire.url)
    return SignedIn(wire.url, me, not was or was.rstrip("/") == wire.url, not was, replaced)


def _replaced(before: Login | None, now: Login) -> str:
    """Return whose sign-in another one takes the place of; nothing where it is the same, once more."""
    if before is None or (
        before.actor == now.actor and bool(before.refresh_token) == bool(now.refresh_token)
    ):
        return ""
    return before.actor or "somebody"


def out(context: Context, url: str | None) -> SignedOut:
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
    credentials.forget(context.paths, wire.url)
    return SignedOut(wire.url, login.actor, trouble)


def _revoke(context: Context, wire: Wire) -> None:
    kept = tokens.Kept(context.paths, wire)
    token = kept.current()
    login = credentials.load(context.paths, wire.url)
    if login is None:
        raise AlmError("somebody else signed out at the same time")
    Api(wire, tokens.Given(token)).post("/auth/logout", {"refresh_token": login.refresh_token})


def whoami(api: Api) -> Document:
    """Return who the server takes us for, and what we may do."""
    return document(api.get("/auth/me"))
