"""gRPC methods of apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.proto import application_pb2 as pb
from envmgr.server.contracts.proto.application_pb2_grpc import (
    ApplicationServiceServicer,
    add_ApplicationServiceServicer_to_server,
)
from envmgr.server.contracts.remote.calls import call_context, decode_page
from envmgr.server.contracts.remote.codecs import APP, APP_CREATE, APP_PATCH, APP_PUT
from envmgr.server.kit.grpc.call import RpcService

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.apps import Apps
    from envmgr.server.kit.grpc.call import MethodPolicy

_WRITE: MethodPolicy = ("apps:write",)
POLICIES: dict[str, MethodPolicy] = {
    "CreateApplication": _WRITE,
    "CompleteApplicationCreation": _WRITE,
    "GetApplication": (),  # read by other services for callers without a scope of apps
    "FindApplicationIds": (),
    "FindApplicationNames": (),
    "ListApplications": ("apps:read",),
    "ReplaceApplication": _WRITE,
    "UpdateApplication": _WRITE,
    "DeleteApplication": _WRITE,
}


def rpc_service(apps: Apps) -> RpcService:
    """Create the gRPC service."""
    return RpcService(
        name=pb.DESCRIPTOR.services_by_name["ApplicationService"].full_name,
        policies=POLICIES,
        add=lambda server: add_ApplicationServiceServicer_to_server(_ApplicationServicer(apps), server),
    )


class _ApplicationServicer(ApplicationServiceServicer):
    def __init__(self, apps: Apps) -> None:
        self._apps = apps

    async def CreateApplication(
        self, request: pb.CreateApplicationRequest, context: object
    ) -> pb.CreateApplicationResponse:
        result = await self._apps.create(
            call_context(request.conditions), APP_CREATE.decode_request(request.application)
        )
        return pb.CreateApplicationResponse(
            application=APP.encode(result.value), created=result.created, replayed=result.replayed
        )

    async def CompleteApplicationCreation(
        self, request: pb.CompleteApplicationCreationRequest, context: object
    ) -> pb.CompleteApplicationCreationResponse:
        await self._apps.complete_creation(
            call_context(request.conditions), APP.decode_request(request.application)
        )
        return pb.CompleteApplicationCreationResponse()

    async def GetApplication(
        self, request: pb.GetApplicationRequest, context: object
    ) -> pb.GetApplicationResponse:
        app = await self._apps.get(call_context(), request.ref)
        return pb.GetApplicationResponse(application=APP.encode(app))

    async def FindApplicationIds(
        self, request: pb.FindApplicationIdsRequest, context: object
    ) -> pb.FindApplicationIdsResponse:
        return pb.FindApplicationIdsResponse(ids=await self._apps.find_ids(request.names))

    async def FindApplicationNames(
        self, request: pb.FindApplicationNamesRequest, context: object
    ) -> pb.FindApplicationNamesResponse:
        return pb.FindApplicationNamesResponse(names=await self._apps.find_names(request.ids))

    async def ListApplications(
        self, request: pb.ListApplicationsRequest, context: object
    ) -> pb.ListApplicationsResponse:
        page = await self._apps.list(call_context(), decode_page(request.page))
        return pb.ListApplicationsResponse(applications=map(APP.encode, page.items), next=page.next)

    async def ReplaceApplication(
        self, request: pb.ReplaceApplicationRequest, context: object
    ) -> pb.ReplaceApplicationResponse:
        app = await self._apps.replace(
            call_context(request.conditions), request.ref, APP_PUT.decode_request(request.application)
        )
        return pb.ReplaceApplicationResponse(application=APP.encode(app))

    async def UpdateApplication(
        self, request: pb.UpdateApplicationRequest, context: object
    ) -> pb.UpdateApplicationResponse:
        app = await self._apps.update(
            call_context(request.conditions), request.ref, APP_PATCH.decode_request(request.changes)
        )
        return pb.UpdateApplicationResponse(application=APP.encode(app))

    async def DeleteApplication(
        self, request: pb.DeleteApplicationRequest, context: object
    ) -> pb.DeleteApplicationResponse:
        await self._apps.delete(call_context(request.conditions), request.ref, request.application_id)
        return pb.DeleteApplicationResponse()
