"""Change of the signed-in user's own password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client import credentials, tokens
from envmgr.alm.client.api import Api
from envmgr.alm.client.fields import get_int, get_str, require_object
from envmgr.kit.errors import AlmError, NotSignedIn
from envmgr.kit.frozen import frozen, replace
from envmgr.ops.alm.connection import explicit_token, static_token, transport_for

if TYPE_CHECKING:
    from envmgr.alm.client.transport import Transport
    from envmgr.resolve.context import Context

_USER_PREFIX = "user:"


@frozen
class Account:
    """The signed-in user of a server, and whether the session is the stored login."""

    api: Api
    transport: Transport
    username: str
    is_stored: bool


@frozen
class PasswordChange:
    """The result: `active_keys` and `revoked_keys` count API keys, `is_signed_in` is of the stored login."""

    url: str
    username: str
    active_keys: int
    revoked_keys: int
    is_signed_in: bool


def open_account(context: Context, url: str | None, token: str | None) -> Account:
    """Return the signed-in user; raise AlmError for an API key, which has no password."""
    transport = transport_for(context, url)
    explicit = explicit_token(context, token)
    stored = tokens.StoredToken(context.paths, transport)
    # A token of its own, as a wrong password must not end the stored login.
    source = static_token(
        explicit or stored.get(), "the token", f"run `envmgr alm login {transport.url}`, then try again"
    )
    api = Api(transport, source)
    actor = get_str(require_object(api.get("/auth/me")), "actor")
    if not actor.startswith(_USER_PREFIX):
        raise AlmError(
            f"{actor} has no password",
            f"sign in as a user: run `envmgr alm login {transport.url}` without --token",
        )
    return Account(api, transport, actor.removeprefix(_USER_PREFIX), is_stored=not explicit)


def change_password(
    context: Context, account: Account, current: str, new: str, *, revoke_keys: bool
) -> PasswordChange:
    """Change a password, which ends all sessions of the user, and renew the stored login."""
    body = {"current": current, "new": new, "revoke_keys": revoke_keys}
    try:
        counts = require_object(account.api.post_without_retry("/auth/password", body))
    except NotSignedIn as error:
        error.hint = "enter your current password; if you forgot it, an admin can reset it"
        raise
    if account.is_stored:
        renewed = tokens.sign_in(account.transport, account.username, new)
        actor = f"{_USER_PREFIX}{account.username}"
        credentials.save(context.paths, account.transport.url, replace(renewed, actor=actor))
    return PasswordChange(
        account.transport.url,
        account.username,
        get_int(counts, "active_keys"),
        get_int(counts, "revoked_keys"),
        account.is_stored,
    )
