"""How apps and versions are deleted while others may deploy them."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from envmgr.server.kit.common.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from envmgr.server.contracts.ports import DeletionHold, Deployments
    from envmgr.server.kit.common.context import RequestContext


@asynccontextmanager
async def rollback_on_error(
    deployments: Deployments, context: RequestContext, hold: DeletionHold
) -> AsyncIterator[None]:
    """Delete within this what leaves: if that fails, it stays.

    Where it was broken off, nobody knows whether it was deleted: the note is left to its time.
    """
    try:
        yield
    except Exception:
        with suppress(Problem):
            await deployments.cancel_deletion(context, hold)
        raise
