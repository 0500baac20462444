"""The port of the audit service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from envmgr.server.contracts.resources import AuditEntry, Checkpoint, LogStats
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.common.results import Result


class Audit(Protocol):
    """The audit service: an append-only log."""

    async def list(
        self, context: RequestContext, paging: PageRequest, since: int | None, until: int | None
    ) -> Page[AuditEntry]:
        """Return a page of entries; of events from `since` to before `until` (milliseconds since 1970)."""
        ...

    async def get(self, context: RequestContext, seq: int) -> AuditEntry:
        """Return an entry."""
        ...

    async def newest(self, context: RequestContext, limit: int) -> Sequence[AuditEntry]:
        """Return the newest entries, newest first."""
        ...

    async def checkpoints(self, context: RequestContext, paging: PageRequest) -> Page[Checkpoint]:
        """Return a page of checkpoints."""
        ...

    async def checkpoint(self, context: RequestContext) -> Result[Checkpoint]:
        """Sign the head of the chain."""
        ...

    def follow(self, context: RequestContext, after: int | None) -> AsyncIterator[AuditEntry]:
        """Yield entries after a sequence number as they arrive; without one, new entries."""
        ...

    async def stats(self, context: RequestContext) -> LogStats:
        """Return the length of the log, what it recorded of each source, and its dead letters."""
        ...
