"""What must hold before a use case does something: the caller's condition, and that the thing is theirs to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.kit.problems import Forbidden, Stale

if TYPE_CHECKING:
    from envmgr.server.kit.call import Call


def require_unchanged(call: Call, rev: int) -> None:
    """Raise Stale unless the resource is still as the caller saw it."""
    if call.if_match is not None and call.if_match != rev:
        raise Stale(f'it is at "{rev}" now: fetch it again, and decide anew')


def require_app(call: Call, app: str) -> None:
    """Raise Forbidden unless the caller may touch this app."""
    if not call.principal.may_touch(app):
        raise Forbidden(f"your credential is for {_spelled(call)} only, not for {app}")


def _spelled(call: Call) -> str:
    return ", ".join(sorted(call.principal.apps or ())) or "no app"
