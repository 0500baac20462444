"""gRPC methods of deployments and environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.proto import deployment_pb2 as pb
from envmgr.server.contracts.proto.deployment_pb2_grpc import (
    DeploymentServiceServicer,
    add_DeploymentServiceServicer_to_server,
)
from envmgr.server.contracts.remote.calls import call_context, decode_page
from envmgr.server.contracts.remote.codecs import (
    DELETION_HOLD,
    DEPLOYMENT,
    DEPLOYMENT_CREATE,
    ENVIRONMENT,
    ENVIRONMENT_CREATE,
    ENVIRONMENT_PATCH,
    ENVIRONMENT_PUT,
    MATRIX,
    STATUS_CREATE,
    STATUS_ENTRY,
)
from envmgr.server.kit.grpc.call import RpcService

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.deployments import Deployments
    from envmgr.server.kit.grpc.call import MethodPolicy

_READ: MethodPolicy = ("deployments:read",)
_WRITE: MethodPolicy = ("deployments:write",)
_CONFIGURE: MethodPolicy = ("environments:write",)
_DELETE: MethodPolicy = ("apps:write", "versions:write")
"""Holds belong to the deletion of an app or a version."""

POLICIES: dict[str, MethodPolicy] = {
    "CreateDeployment": _WRITE,
    "GetDeployment": _READ,
    "ListDeployments": _READ,
    "AddStatus": _WRITE,
    "SetStatus": _WRITE,
    "ListStatuses": _READ,
    "DeleteDeployment": _WRITE,
    "BeginDeletion": _DELETE,
    "CancelDeletion": _DELETE,
    "GetLatestSequence": (),  # part of questions about versions
    "ListEnvironments": _READ,
    "GetEnvironment": (),  # as above
    "CreateEnvironment": _CONFIGURE,
    "ReplaceEnvironment": _CONFIGURE,
    "UpdateEnvironment": _CONFIGURE,
    "DeleteEnvironment": _CONFIGURE,
    "GetMatrix": _READ,
}


def rpc_service(deployments: Deployments) -> RpcService:
    """Create the gRPC service."""
    return RpcService(
        name=pb.DESCRIPTOR.services_by_name["DeploymentService"].full_name,
        policies=POLICIES,
        add=lambda server: add_DeploymentServiceServicer_to_server(_DeploymentServicer(deployments), server),
    )


class _DeploymentServicer(DeploymentServiceServicer):
    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments

    async def CreateDeployment(
        self, request: pb.CreateDeploymentRequest, context: object
    ) -> pb.CreateDeploymentResponse:
        result = await self._deployments.create(
            call_context(request.conditions), DEPLOYMENT_CREATE.decode_request(request.deployment)
        )
        return pb.CreateDeploymentResponse(
            deployment=DEPLOYMENT.encode(result.value), created=result.created, replayed=result.replayed
        )

    async def GetDeployment(
        self, request: pb.GetDeploymentRequest, context: object
    ) -> pb.GetDeploymentResponse:
        value = await self._deployments.get(call_context(), request.deployment_id)
        return pb.GetDeploymentResponse(deployment=DEPLOYMENT.encode(value))

    async def ListDeployments(
        self, request: pb.ListDeploymentsRequest, context: object
    ) -> pb.ListDeploymentsResponse:
        page = await self._deployments.list(call_context(), decode_page(request.page))
        return pb.ListDeploymentsResponse(deployments=map(DEPLOYMENT.encode, page.items), next=page.next)

    async def AddStatus(self, request: pb.AddStatusRequest, context: object) -> pb.AddStatusResponse:
        result = await self._deployments.add_status(
            call_context(request.conditions),
            request.deployment_id,
            STATUS_CREATE.decode_request(request.status),
        )
        return pb.AddStatusResponse(
            status=STATUS_ENTRY.encode(result.value), created=result.created, replayed=result.replayed
        )

    async def SetStatus(self, request: pb.SetStatusRequest, context: object) -> pb.SetStatusResponse:
        value = await self._deployments.set_status(
            call_context(request.conditions),
            request.deployment_id,
            STATUS_CREATE.decode_request(request.status),
        )
        return pb.SetStatusResponse(deployment=DEPLOYMENT.encode(value))

    async def ListStatuses(self, request: pb.ListStatusesRequest, context: object) -> pb.ListStatusesResponse:
        page = await self._deployments.list_statuses(
            call_context(), request.deployment_id, decode_page(request.page)
        )
        return pb.ListStatusesResponse(statuses=map(STATUS_ENTRY.encode, page.items), next=page.next)

    async def DeleteDeployment(
        self, request: pb.DeleteDeploymentRequest, context: object
    ) -> pb.DeleteDeploymentResponse:
        await self._deployments.delete(call_context(request.conditions), request.deployment_id)
        return pb.DeleteDeploymentResponse()

    async def BeginDeletion(
        self, request: pb.BeginDeletionRequest, context: object
    ) -> pb.BeginDeletionResponse:
        value = await self._deployments.begin_deletion(
            call_context(request.conditions),
            app_id=request.app_id if request.HasField("app_id") else None,
            version_id=request.version_id if request.HasField("version_id") else None,
            force=request.force,
        )
        return pb.BeginDeletionResponse(hold=DELETION_HOLD.encode(value))

    async def CancelDeletion(
        self, request: pb.CancelDeletionRequest, context: object
    ) -> pb.CancelDeletionResponse:
        await self._deployments.cancel_deletion(
            call_context(request.conditions), DELETION_HOLD.decode_request(request.hold)
        )
        return pb.CancelDeletionResponse()

    async def GetLatestSequence(
        self, request: pb.GetLatestSequenceRequest, context: object
    ) -> pb.GetLatestSequenceResponse:
        return pb.GetLatestSequenceResponse(sequence=await self._deployments.latest_sequence(call_context()))

    async def ListEnvironments(
        self, request: pb.ListEnvironmentsRequest, context: object
    ) -> pb.ListEnvironmentsResponse:
        page = await self._deployments.list_environments(call_context(), decode_page(request.page))
        return pb.ListEnvironmentsResponse(environments=map(ENVIRONMENT.encode, page.items), next=page.next)

    async def GetEnvironment(
        self, request: pb.GetEnvironmentRequest, context: object
    ) -> pb.GetEnvironmentResponse:
        value = await self._deployments.get_environment(call_context(), request.name)
        return pb.GetEnvironmentResponse(environment=ENVIRONMENT.encode(value))

    async def CreateEnvironment(
        self, request: pb.CreateEnvironmentRequest, context: object
    ) -> pb.CreateEnvironmentResponse:
        result = await self._deployments.create_environment(
            call_context(request.conditions), ENVIRONMENT_CREATE.decode_request(request.environment)
        )
        return pb.CreateEnvironmentResponse(
            environment=ENVIRONMENT.encode(result.value), created=result.created, replayed=result.replayed
        )

    async def ReplaceEnvironment(
        self, request: pb.ReplaceEnvironmentRequest, context: object
    ) -> pb.ReplaceEnvironmentResponse:
        result = await self._deployments.replace_environment(
            call_context(request.conditions),
            request.name,
            ENVIRONMENT_PUT.decode_request(request.environment),
        )
        return pb.ReplaceEnvironmentResponse(
            environment=ENVIRONMENT.encode(result.value), created=result.created, replayed=result.replayed
        )

    async def UpdateEnvironment(
        self, request: pb.UpdateEnvironmentRequest, context: object
    ) -> pb.UpdateEnvironmentResponse:
        value = await self._deployments.update_environment(
            call_context(request.conditions), request.name, ENVIRONMENT_PATCH.decode_request(request.changes)
        )
        return pb.UpdateEnvironmentResponse(environment=ENVIRONMENT.encode(value))

    async def DeleteEnvironment(
        self, request: pb.DeleteEnvironmentRequest, context: object
    ) -> pb.DeleteEnvironmentResponse:
        await self._deployments.delete_environment(call_context(request.conditions), request.name)
        return pb.DeleteEnvironmentResponse()

    async def GetMatrix(self, request: pb.GetMatrixRequest, context: object) -> pb.GetMatrixResponse:
        value = await self._deployments.matrix(
            call_context(), request.environment if request.HasField("environment") else None
        )
        return pb.GetMatrixResponse(matrix=MATRIX.encode(value))
