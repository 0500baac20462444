"""The port of the app service, over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.proto import application_pb2 as pb
from envmgr.server.contracts.proto.application_pb2_grpc import ApplicationServiceStub
from envmgr.server.contracts.remote.calls import encode_conditions, encode_page
from envmgr.server.contracts.remote.codecs import APP, APP_CREATE, APP_PATCH, APP_PUT
from envmgr.server.kit.common.pages import Page
from envmgr.server.kit.common.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envmgr.server.contracts.requests import AppCreate, AppPatch, AppPut
    from envmgr.server.contracts.resources import App
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import PageRequest
    from envmgr.server.kit.grpc.channel import PeerChannel


class RemoteApps:
    """Apps of another process (implements `contracts.ports.Apps`)."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = ApplicationServiceStub(peer.channel)

    async def create(self, context: RequestContext, new: AppCreate) -> Result[App]:
        """Create an app."""
        response = await self._peer.call(
            self._stub.CreateApplication,
            lambda: pb.CreateApplicationRequest(
                conditions=encode_conditions(context), application=APP_CREATE.encode(new)
            ),
            context,
        )
        return Result(APP.decode(response.application), created=response.created, replayed=response.replayed)

    async def complete_creation(self, context: RequestContext, app: App) -> None:
        """Replace the stored response to the context's Idempotency-Key."""
        await self._peer.call(
            self._stub.CompleteApplicationCreation,
            lambda: pb.CompleteApplicationCreationRequest(
                conditions=encode_conditions(context), application=APP.encode(app)
            ),
            context,
        )

    async def get(self, context: RequestContext, ref: str) -> App:
        """Return an app."""
        response = await self._peer.call(
            self._stub.GetApplication,
            lambda: pb.GetApplicationRequest(ref=ref),
            context,
        )
        return APP.decode(response.application)

    async def find_ids(self, names: Iterable[str]) -> Mapping[str, int]:
        """Return the IDs of the apps that have these names now; unknown names are left out."""
        response = await self._peer.call(
            self._stub.FindApplicationIds,
            lambda: pb.FindApplicationIdsRequest(names=names),
        )
        return dict(response.ids)

    async def find_names(self, app_ids: Iterable[int]) -> Mapping[int, str]:
        """Return the present names of apps; deleted ones are left out."""
        response = await self._peer.call(
            self._stub.FindApplicationNames,
            lambda: pb.FindApplicationNamesRequest(ids=app_ids),
        )
        return dict(response.names)

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[App]:
        """Return a page of apps."""
        response = await self._peer.call(
            self._stub.ListApplications,
            lambda: pb.ListApplicationsRequest(page=encode_page(paging)),
            context,
        )
        return Page(
            [APP.decode(app) for app in response.applications],
            response.next if response.HasField("next") else None,
        )

    async def replace(self, context: RequestContext, ref: str, put: AppPut) -> App:
        """Replace an app."""
        response = await self._peer.call(
            self._stub.ReplaceApplication,
            lambda: pb.ReplaceApplicationRequest(
                conditions=encode_conditions(context), ref=ref, application=APP_PUT.encode(put)
            ),
            context,
        )
        return APP.decode(response.application)

    async def update(self, context: RequestContext, ref: str, change: AppPatch) -> App:
        """Update an app."""
        response = await self._peer.call(
            self._stub.UpdateApplication,
            lambda: pb.UpdateApplicationRequest(
                conditions=encode_conditions(context), ref=ref, changes=APP_PATCH.encode(change)
            ),
            context,
        )
        return APP.decode(response.application)

    async def delete(self, context: RequestContext, ref: str, app_id: int) -> None:
        """Delete the app `app_id`, if `ref` still refers to it; call under a deletion hold."""
        await self._peer.call(
            self._stub.DeleteApplication,
            lambda: pb.DeleteApplicationRequest(
                conditions=encode_conditions(context), ref=ref, application_id=app_id
            ),
            context,
        )
