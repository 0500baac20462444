"""Login, logout and the signed-in user."""

from __future__ import annotations

from envmgr.alm.client import credentials, tokens
from envmgr.alm.client.api import Api
from envmgr.alm.client.credentials import StoredCredentials
from envmgr.alm.client.fields import get_str, require_object
from envmgr.kit.errors import AlmError, EnvmgrError, NotSignedIn
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.http.urls import server_identity
from envmgr.ops.alm.connection import static_token, transport_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.alm.client.fields import Document
    from envmgr.alm.client.transport import Transport
    from envmgr.resolve.context import Context


@frozen
class SignedIn:
    """The result of a login; `is_default`: `alm_url` is this server, `is_new_default`: it was just set.

    `replaced` is the actor of the stored stored that this one replaced.
    """

    url: str
    me: Document
    is_default: bool
    is_new_default: bool
    replaced: str = ""


@frozen
class SignedOut:
    """The result of a logout; `server_error`: why the session could not be revoked on the server."""

    url: str
    actor: str
    server_error: str


def login_with_password(context: Context, url: str | None, username: str, password: str) -> SignedIn:
    """Exchange a username and password for tokens, and store them."""
    transport = transport_for(context, url)
    stored = tokens.sign_in(transport, username, password)
    return _store(context, transport, stored, tokens.StaticToken(stored.token))


def login_with_token(context: Context, url: str | None, token: str) -> SignedIn:
    """Check a token, and store it."""
    source = static_token(token, "this token", "use another token, or sign in with a password")
    return _store(context, transport_for(context, url), StoredCredentials(token), source)


def _store(
    context: Context, transport: Transport, stored: StoredCredentials, source: tokens.StaticToken
) -> SignedIn:
    me = require_object(Api(transport, source).get("/auth/me"))
    stored = replace(stored, actor=get_str(me, "actor"))
    replaced = _replaced_actor(credentials.load(context.paths, transport.url), stored)
    credentials.save(context.paths, transport.url, stored)
    default_url = context.settings.alm_url
    if not default_url:
        _set_default_url(context, transport.url)
    return SignedIn(
        transport.url,
        me,
        not default_url or server_identity(default_url) == server_identity(transport.url),
        not default_url,
        replaced,
    )


def _set_default_url(context: Context, url: str) -> None:
    from envmgr.kit.config import settings
    from envmgr.kit.file_locks import file_lock

    with file_lock(context.paths, "settings"):
        settings.set_value(context.paths.config_file, "alm_url", url)


def _replaced_actor(previous: StoredCredentials | None, new: StoredCredentials) -> str:
    """Return the actor of the replaced login; empty if the new login is for the same actor."""
    if previous is None or (
        previous.actor == new.actor and bool(previous.refresh_token) == bool(new.refresh_token)
    ):
        return ""
    return previous.actor or "an unknown user"


def logout(context: Context, url: str | None) -> SignedOut:
    """Revoke the session on the server, and delete the credentials even if that fails."""
    transport = transport_for(context, url)
    stored = credentials.load(context.paths, transport.url)
    if stored is None:
        raise NotSignedIn(f"not signed in to {transport.url}", "already signed out")
    server_error = ""
    if stored.refresh_token:
        try:
            _revoke(context, transport)
        except NotSignedIn:
            pass  # the session has ended already
        except EnvmgrError as error:
            server_error = error.message
    credentials.remove(context.paths, transport.url)
    return SignedOut(transport.url, stored.actor, server_error)


def _revoke(context: Context, transport: Transport) -> None:
    token = tokens.StoredToken(context.paths, transport).get()
    stored = credentials.load(context.paths, transport.url)
    if stored is None:
        raise AlmError("signed out concurrently")
    Api(transport, tokens.StaticToken(token)).post("/auth/logout", {"refresh_token": stored.refresh_token})


def whoami(api: Api) -> Document:
    """Return the signed-in user and its permissions."""
    return require_object(api.get("/auth/me"))
