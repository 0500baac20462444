"""The port of the version service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from envmgr.server.contracts.requests import VersionPatch, VersionPut
    from envmgr.server.contracts.resources import LockFile, Usage, Version
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.common.results import Result


class ToolQuery(Struct, frozen=True):
    """A tool, a range of its versions, and the environment to search, or all."""

    tool: str
    spec: str
    environment: str | None = None


class Versions(Protocol):
    """The version service: versions, their locks, and the usage of tools."""

    async def create(self, context: RequestContext, app: str, tag: str, new: VersionPut) -> Result[Version]:
        """Create a version."""
        ...

    async def upsert(self, context: RequestContext, app: str, tag: str, put: VersionPut) -> Result[Version]:
        """Create a version, or return the existing one; raise VersionContentMismatch for other content."""
        ...

    async def get(self, context: RequestContext, version_id: int) -> Version:
        """Return a version."""
        ...

    async def find(self, context: RequestContext, app: str, tag: str) -> Version:
        """Return the version of an app by its tag."""
        ...

    async def lock(self, context: RequestContext, version_id: int) -> LockFile:
        """Return the lock that a version was built with."""
        ...

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Version]:
        """Return a page of versions."""
        ...

    async def replace(self, context: RequestContext, version_id: int, put: VersionPut) -> Version:
        """Replace a version's metadata; raise VersionContentMismatch for other content."""
        ...

    async def update(self, context: RequestContext, version_id: int, change: VersionPatch) -> Version:
        """Update a version's metadata."""
        ...

    async def delete(self, context: RequestContext, version_id: int) -> None:
        """Delete a version; call under a deletion hold (`workflows.delete_version`)."""
        ...

    async def usage(
        self, context: RequestContext, query: ToolQuery, paging: PageRequest, up_to: int
    ) -> Usage:
        """Return the deployed versions locked with a tool in a range (`workflows.find_usage`).

        Considers deployment events up to the sequence `up_to`. Raise ProjectionBehind until they are consumed.
        """
        ...
