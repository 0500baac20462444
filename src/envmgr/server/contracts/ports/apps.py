"""The port of the app service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envmgr.server.contracts.requests import AppCreate, AppPatch, AppPut
    from envmgr.server.contracts.resources import App
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.common.results import Result


class Apps(Protocol):
    """The app service."""

    async def create(self, context: RequestContext, new: AppCreate) -> Result[App]:
        """Create an app; `new.version` is registered by `workflows.create_app`."""
        ...

    async def complete_creation(self, context: RequestContext, app: App) -> None:
        """Replace the stored response to the context's Idempotency-Key, now that `app.version` is registered."""
        ...

    async def get(self, context: RequestContext, ref: str) -> App:
        """Return an app."""
        ...

    async def find_ids(self, names: Iterable[str]) -> Mapping[str, int]:
        """Return the IDs of the apps that have these names now; unknown names are left out."""
        ...

    async def find_names(self, app_ids: Iterable[int]) -> Mapping[int, str]:
        """Return the present names of apps; deleted ones are left out."""
        ...

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[App]:
        """Return a page of apps."""
        ...

    async def replace(self, context: RequestContext, ref: str, put: AppPut) -> App:
        """Replace an app."""
        ...

    async def update(self, context: RequestContext, ref: str, change: AppPatch) -> App:
        """Update an app."""
        ...

    async def delete(self, context: RequestContext, ref: str, app_id: int) -> None:
        """Delete the app `app_id`, if `ref` still refers to it; call under a deletion hold."""
        ...
