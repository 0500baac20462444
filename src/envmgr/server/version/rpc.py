"""gRPC methods of versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.proto import version_pb2 as pb
from envmgr.server.contracts.proto.version_pb2_grpc import (
    VersionServiceServicer,
    add_VersionServiceServicer_to_server,
)
from envmgr.server.contracts.remote.calls import call_context, decode_page
from envmgr.server.contracts.remote.codecs import (
    LOCK_FILE,
    TOOL_QUERY,
    USAGE,
    VERSION,
    VERSION_PATCH,
    VERSION_PUT,
)
from envmgr.server.kit.grpc.call import RpcService

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.versions import Versions
    from envmgr.server.kit.grpc.call import MethodPolicy

_READ: MethodPolicy = ("versions:read",)
_WRITE: MethodPolicy = ("versions:write",)
POLICIES: dict[str, MethodPolicy] = {
    "CreateVersion": _WRITE,
    "UpsertVersion": _WRITE,
    "GetVersion": (),  # read by other services for callers without a scope of versions
    "FindVersion": _READ,
    "GetLock": _READ,
    "ListVersions": _READ,
    "ReplaceVersion": _WRITE,
    "UpdateVersion": _WRITE,
    "DeleteVersion": _WRITE,
    "FindUsage": _READ,
}


def rpc_service(versions: Versions) -> RpcService:
    """Create the gRPC service."""
    return RpcService(
        name=pb.DESCRIPTOR.services_by_name["VersionService"].full_name,
        policies=POLICIES,
        add=lambda server: add_VersionServiceServicer_to_server(_VersionServicer(versions), server),
    )


class _VersionServicer(VersionServiceServicer):
    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    async def CreateVersion(
        self, request: pb.CreateVersionRequest, context: object
    ) -> pb.CreateVersionResponse:
        result = await self._versions.create(
            call_context(request.conditions),
            request.app,
            request.tag,
            VERSION_PUT.decode_request(request.version),
        )
        return pb.CreateVersionResponse(
            version=VERSION.encode(result.value), created=result.created, replayed=result.replayed
        )

    async def UpsertVersion(
        self, request: pb.UpsertVersionRequest, context: object
    ) -> pb.UpsertVersionResponse:
        result = await self._versions.upsert(
            call_context(request.conditions),
            request.app,
            request.tag,
            VERSION_PUT.decode_request(request.version),
        )
        return pb.UpsertVersionResponse(
            version=VERSION.encode(result.value), created=result.created, replayed=result.replayed
        )

    async def GetVersion(self, request: pb.GetVersionRequest, context: object) -> pb.GetVersionResponse:
        value = await self._versions.get(call_context(), request.version_id)
        return pb.GetVersionResponse(version=VERSION.encode(value))

    async def FindVersion(self, request: pb.FindVersionRequest, context: object) -> pb.FindVersionResponse:
        value = await self._versions.find(call_context(), request.app, request.tag)
        return pb.FindVersionResponse(version=VERSION.encode(value))

    async def GetLock(self, request: pb.GetLockRequest, context: object) -> pb.GetLockResponse:
        value = await self._versions.lock(call_context(), request.version_id)
        return pb.GetLockResponse(lock=LOCK_FILE.encode(value))

    async def ListVersions(self, request: pb.ListVersionsRequest, context: object) -> pb.ListVersionsResponse:
        page = await self._versions.list(call_context(), decode_page(request.page))
        return pb.ListVersionsResponse(versions=map(VERSION.encode, page.items), next=page.next)

    async def ReplaceVersion(
        self, request: pb.ReplaceVersionRequest, context: object
    ) -> pb.ReplaceVersionResponse:
        value = await self._versions.replace(
            call_context(request.conditions), request.version_id, VERSION_PUT.decode_request(request.version)
        )
        return pb.ReplaceVersionResponse(version=VERSION.encode(value))

    async def UpdateVersion(
        self, request: pb.UpdateVersionRequest, context: object
    ) -> pb.UpdateVersionResponse:
        value = await self._versions.update(
            call_context(request.conditions),
            request.version_id,
            VERSION_PATCH.decode_request(request.changes),
        )
        return pb.UpdateVersionResponse(version=VERSION.encode(value))

    async def DeleteVersion(
        self, request: pb.DeleteVersionRequest, context: object
    ) -> pb.DeleteVersionResponse:
        await self._versions.delete(call_context(request.conditions), request.version_id)
        return pb.DeleteVersionResponse()

    async def FindUsage(self, request: pb.FindUsageRequest, context: object) -> pb.FindUsageResponse:
        value = await self._versions.usage(
            call_context(), TOOL_QUERY.decode_request(request.query), decode_page(request.page), request.up_to
        )
        return pb.FindUsageResponse(usage=USAGE.encode(value))
