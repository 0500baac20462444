"""The port of the version service, over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.proto import version_pb2 as pb
from envmgr.server.contracts.proto.version_pb2_grpc import VersionServiceStub
from envmgr.server.contracts.remote.calls import encode_conditions, encode_page
from envmgr.server.contracts.remote.codecs import (
    LOCK_FILE,
    TOOL_QUERY,
    USAGE,
    VERSION,
    VERSION_PATCH,
    VERSION_PUT,
)
from envmgr.server.kit.common.pages import Page
from envmgr.server.kit.common.results import Result

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.versions import ToolQuery
    from envmgr.server.contracts.requests import VersionPatch, VersionPut
    from envmgr.server.contracts.resources import LockFile, Usage, Version
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import PageRequest
    from envmgr.server.kit.grpc.channel import PeerChannel


class RemoteVersions:
    """Versions of another process (implements `contracts.ports.Versions`)."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = VersionServiceStub(peer.channel)

    async def create(self, context: RequestContext, app: str, tag: str, new: VersionPut) -> Result[Version]:
        """Create a version."""
        response = await self._peer.call(
            self._stub.CreateVersion,
            lambda: pb.CreateVersionRequest(
                conditions=encode_conditions(context), app=app, tag=tag, version=VERSION_PUT.encode(new)
            ),
            context,
        )
        return Result(VERSION.decode(response.version), created=response.created, replayed=response.replayed)

    async def upsert(self, context: RequestContext, app: str, tag: str, put: VersionPut) -> Result[Version]:
        """Create a version, or return the existing one; raise VersionContentMismatch for other content."""
        response = await self._peer.call(
            self._stub.UpsertVersion,
            lambda: pb.UpsertVersionRequest(
                conditions=encode_conditions(context), app=app, tag=tag, version=VERSION_PUT.encode(put)
            ),
            context,
        )
        return Result(VERSION.decode(response.version), created=response.created, replayed=response.replayed)

    async def get(self, context: RequestContext, version_id: int) -> Version:
        """Return a version."""
        response = await self._peer.call(
            self._stub.GetVersion, lambda: pb.GetVersionRequest(version_id=version_id), context
        )
        return VERSION.decode(response.version)

    async def find(self, context: RequestContext, app: str, tag: str) -> Version:
        """Return the version of an app by its tag."""
        response = await self._peer.call(
            self._stub.FindVersion, lambda: pb.FindVersionRequest(app=app, tag=tag), context
        )
        return VERSION.decode(response.version)

    async def lock(self, context: RequestContext, version_id: int) -> LockFile:
        """Return the lock that a version was built with."""
        response = await self._peer.call(
            self._stub.GetLock, lambda: pb.GetLockRequest(version_id=version_id), context
        )
        return LOCK_FILE.decode(response.lock)

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Version]:
        """Return a page of versions."""
        response = await self._peer.call(
            self._stub.ListVersions, lambda: pb.ListVersionsRequest(page=encode_page(paging)), context
        )
        return Page(
            [VERSION.decode(item) for item in response.versions],
            response.next if response.HasField("next") else None,
        )

    async def replace(self, context: RequestContext, version_id: int, put: VersionPut) -> Version:
        """Replace a version's metadata; raise VersionContentMismatch for other content."""
        response = await self._peer.call(
            self._stub.ReplaceVersion,
            lambda: pb.ReplaceVersionRequest(
                conditions=encode_conditions(context), version_id=version_id, version=VERSION_PUT.encode(put)
            ),
            context,
        )
        return VERSION.decode(response.version)

    async def update(self, context: RequestContext, version_id: int, change: VersionPatch) -> Version:
        """Update a version's metadata."""
        response = await self._peer.call(
            self._stub.UpdateVersion,
            lambda: pb.UpdateVersionRequest(
                conditions=encode_conditions(context),
                version_id=version_id,
                changes=VERSION_PATCH.encode(change),
            ),
            context,
        )
        return VERSION.decode(response.version)

    async def delete(self, context: RequestContext, version_id: int) -> None:
        """Delete a version; call under a deletion hold."""
        await self._peer.call(
            self._stub.DeleteVersion,
            lambda: pb.DeleteVersionRequest(conditions=encode_conditions(context), version_id=version_id),
            context,
        )

    async def usage(
        self, context: RequestContext, query: ToolQuery, paging: PageRequest, up_to: int
    ) -> Usage:
        """Return the deployed versions locked with a tool in a range; raise ProjectionBehind."""
        response = await self._peer.call(
            self._stub.FindUsage,
            lambda: pb.FindUsageRequest(
                query=TOOL_QUERY.encode(query), page=encode_page(paging), up_to=up_to
            ),
            context,
        )
        return USAGE.decode(response.usage)
