"""Preconditions of use cases: If-Match and revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envmgr.server.kit.common.problems import PreconditionFailed

if TYPE_CHECKING:
    from envmgr.server.kit.common.context import RequestContext


IMMUTABLE_ETAG = "1"
"""The ETag of a resource that is only ever created and deleted."""


class Resource(Protocol):
    """A resource with a permanent ID and a revision."""

    @property
    def id(self) -> int:
        """Return the permanent ID; names can be reassigned."""
        ...

    @property
    def rev(self) -> int:
        """Return the revision."""
        ...


def etag_of(resource: Resource) -> str:
    """Return the ETag value of a resource."""
    return f"{resource.id}.{resource.rev}"


def require_match(context: RequestContext, etag: str) -> None:
    """Raise PreconditionFailed unless the resource matches If-Match; `etag` is its current ETag."""
    if context.if_match is not None and etag not in context.if_match:
        expected = (
            ", ".join(f'"{value[:40]}"' for value in sorted(context.if_match)[:3]) or "no ETag of this server"
        )
        raise PreconditionFailed(
            f'ETag is now "{etag}", If-Match has {expected}: fetch the resource and retry'
        )


def require_updated(row_count: int) -> None:
    """Raise PreconditionFailed unless a write found the row at the expected revision."""
    if row_count != 1:
        raise PreconditionFailed("changed concurrently: fetch the resource and retry")
