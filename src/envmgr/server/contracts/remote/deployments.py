"""The port of the deployment service, over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.proto import deployment_pb2 as pb
from envmgr.server.contracts.proto.deployment_pb2_grpc import DeploymentServiceStub
from envmgr.server.contracts.remote.calls import encode_conditions, encode_page
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
from envmgr.server.kit.common.pages import Page
from envmgr.server.kit.common.results import Result

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.deployments import DeletionHold
    from envmgr.server.contracts.requests import (
        DeploymentCreate,
        EnvironmentCreate,
        EnvironmentPatch,
        EnvironmentPut,
        StatusCreate,
    )
    from envmgr.server.contracts.resources import Deployment, Environment, Matrix, StatusEntry
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import PageRequest
    from envmgr.server.kit.grpc.channel import PeerChannel


class RemoteDeployments:
    """Deployments of another process (implements `contracts.ports.Deployments`)."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = DeploymentServiceStub(peer.channel)

    async def create(self, context: RequestContext, new: DeploymentCreate) -> Result[Deployment]:
        """Create a deployment."""
        response = await self._peer.call(
            self._stub.CreateDeployment,
            lambda: pb.CreateDeploymentRequest(
                conditions=encode_conditions(context), deployment=DEPLOYMENT_CREATE.encode(new)
            ),
            context,
        )
        return Result(
            DEPLOYMENT.decode(response.deployment), created=response.created, replayed=response.replayed
        )

    async def get(self, context: RequestContext, deployment_id: int) -> Deployment:
        """Return a deployment."""
        response = await self._peer.call(
            self._stub.GetDeployment, lambda: pb.GetDeploymentRequest(deployment_id=deployment_id), context
        )
        return DEPLOYMENT.decode(response.deployment)

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Deployment]:
        """Return a page of deployments."""
        response = await self._peer.call(
            self._stub.ListDeployments, lambda: pb.ListDeploymentsRequest(page=encode_page(paging)), context
        )
        return Page(
            [DEPLOYMENT.decode(item) for item in response.deployments],
            response.next if response.HasField("next") else None,
        )

    async def add_status(
        self, context: RequestContext, deployment_id: int, new: StatusCreate
    ) -> Result[StatusEntry]:
        """Add a status transition."""
        response = await self._peer.call(
            self._stub.AddStatus,
            lambda: pb.AddStatusRequest(
                conditions=encode_conditions(context),
                deployment_id=deployment_id,
                status=STATUS_CREATE.encode(new),
            ),
            context,
        )
        return Result(
            STATUS_ENTRY.decode(response.status), created=response.created, replayed=response.replayed
        )

    async def set_status(self, context: RequestContext, deployment_id: int, new: StatusCreate) -> Deployment:
        """Set the status; a repeated call changes nothing."""
        response = await self._peer.call(
            self._stub.SetStatus,
            lambda: pb.SetStatusRequest(
                conditions=encode_conditions(context),
                deployment_id=deployment_id,
                status=STATUS_CREATE.encode(new),
            ),
            context,
        )
        return DEPLOYMENT.decode(response.deployment)

    async def list_statuses(
        self, context: RequestContext, deployment_id: int, paging: PageRequest
    ) -> Page[StatusEntry]:
        """Return a page of a deployment's statuses."""
        response = await self._peer.call(
            self._stub.ListStatuses,
            lambda: pb.ListStatusesRequest(deployment_id=deployment_id, page=encode_page(paging)),
            context,
        )
        return Page(
            [STATUS_ENTRY.decode(item) for item in response.statuses],
            response.next if response.HasField("next") else None,
        )

    async def delete(self, context: RequestContext, deployment_id: int) -> None:
        """Delete a deployment that is neither current nor active."""
        await self._peer.call(
            self._stub.DeleteDeployment,
            lambda: pb.DeleteDeploymentRequest(
                conditions=encode_conditions(context), deployment_id=deployment_id
            ),
            context,
        )

    async def begin_deletion(
        self,
        context: RequestContext,
        *,
        app_id: int | None = None,
        version_id: int | None = None,
        force: bool = False,
    ) -> DeletionHold:
        """Block new deployments of an app or a version; if it is deployed, only with `force`."""
        response = await self._peer.call(
            self._stub.BeginDeletion,
            lambda: pb.BeginDeletionRequest(
                conditions=encode_conditions(context), app_id=app_id, version_id=version_id, force=force
            ),
            context,
        )
        return DELETION_HOLD.decode(response.hold)

    async def cancel_deletion(self, context: RequestContext, hold: DeletionHold) -> None:
        """Release a hold: the app or version was not deleted."""
        await self._peer.call(
            self._stub.CancelDeletion,
            lambda: pb.CancelDeletionRequest(
                conditions=encode_conditions(context), hold=DELETION_HOLD.encode(hold)
            ),
            context,
        )

    async def latest_sequence(self, context: RequestContext) -> int:
        """Return the sequence of the newest event of this service."""
        response = await self._peer.call(self._stub.GetLatestSequence, pb.GetLatestSequenceRequest, context)
        return response.sequence

    async def list_environments(self, context: RequestContext, paging: PageRequest) -> Page[Environment]:
        """Return a page of environments."""
        response = await self._peer.call(
            self._stub.ListEnvironments, lambda: pb.ListEnvironmentsRequest(page=encode_page(paging)), context
        )
        return Page(
            [ENVIRONMENT.decode(item) for item in response.environments],
            response.next if response.HasField("next") else None,
        )

    async def get_environment(self, context: RequestContext, name: str) -> Environment:
        """Return an environment."""
        response = await self._peer.call(
            self._stub.GetEnvironment, lambda: pb.GetEnvironmentRequest(name=name), context
        )
        return ENVIRONMENT.decode(response.environment)

    async def create_environment(
        self, context: RequestContext, new: EnvironmentCreate
    ) -> Result[Environment]:
        """Create an environment."""
        response = await self._peer.call(
            self._stub.CreateEnvironment,
            lambda: pb.CreateEnvironmentRequest(
                conditions=encode_conditions(context), environment=ENVIRONMENT_CREATE.encode(new)
            ),
            context,
        )
        return Result(
            ENVIRONMENT.decode(response.environment), created=response.created, replayed=response.replayed
        )

    async def replace_environment(
        self, context: RequestContext, name: str, put: EnvironmentPut
    ) -> Result[Environment]:
        """Create or replace an environment."""
        response = await self._peer.call(
            self._stub.ReplaceEnvironment,
            lambda: pb.ReplaceEnvironmentRequest(
                conditions=encode_conditions(context), name=name, environment=ENVIRONMENT_PUT.encode(put)
            ),
            context,
        )
        return Result(
            ENVIRONMENT.decode(response.environment), created=response.created, replayed=response.replayed
        )

    async def update_environment(
        self, context: RequestContext, name: str, change: EnvironmentPatch
    ) -> Environment:
        """Update an environment."""
        response = await self._peer.call(
            self._stub.UpdateEnvironment,
            lambda: pb.UpdateEnvironmentRequest(
                conditions=encode_conditions(context), name=name, changes=ENVIRONMENT_PATCH.encode(change)
            ),
            context,
        )
        return ENVIRONMENT.decode(response.environment)

    async def delete_environment(self, context: RequestContext, name: str) -> None:
        """Delete an environment without deployments."""
        await self._peer.call(
            self._stub.DeleteEnvironment,
            lambda: pb.DeleteEnvironmentRequest(conditions=encode_conditions(context), name=name),
            context,
        )

    async def matrix(self, context: RequestContext, environment: str | None) -> Matrix:
        """Return the current deployment of every app in every environment."""
        response = await self._peer.call(
            self._stub.GetMatrix, lambda: pb.GetMatrixRequest(environment=environment), context
        )
        return MATRIX.decode(response.matrix)
