"""What must hold before a use case does something: the caller's condition, and that the thing is theirs to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envmgr.server.kit.common.problems import Forbidden, PreconditionFailed

if TYPE_CHECKING:
    from envmgr.server.kit.common.context import RequestContext


IMMUTABLE_ETAG = "1"
"""The ETag of a resource that is only ever created and deleted."""


class Resource(Protocol):
    """What has states: an id that nothing else ever has, and a count of its changes."""

    @property
    def id(self) -> int:
        """Name it for good: a name may go to another one."""
        ...

    @property
    def rev(self) -> int:
        """Count its changes."""
        ...


def etag_of(resource: Resource) -> str:
    """Name the state that a resource is in: what its ETag says."""
    return f"{resource.id}.{resource.rev}"


def require_match(context: RequestContext, etag: str) -> None:
    """Raise Stale unless the resource is still as the caller saw it; `tag` names the state that it is in."""
    if context.if_match is not None and etag not in context.if_match:
        raise PreconditionFailed(f'it is at "{etag}" now: fetch it again, and decide anew')


def require_updated(row_count: int) -> None:
    """Raise PreconditionFailed unless a write found the row at the revision that it was read at."""
    if row_count != 1:
        raise PreconditionFailed("it was changed concurrently: fetch it again, and retry")


def require_app_access(context: RequestContext, app: str) -> None:
    """Raise Forbidden unless the caller may touch this app."""
    if not context.principal.can_access(app):
        raise Forbidden(f"your credential is for {_allowed_apps(context)} only, not for {app}")


def _allowed_apps(context: RequestContext) -> str:
    return ", ".join(sorted(context.principal.apps or ())) or "no app"
