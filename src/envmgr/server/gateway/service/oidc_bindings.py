"""Use cases of OIDC bindings, managed by admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from envmgr.server.contracts.events.identity import BindingCreated, BindingDeleted
from envmgr.server.contracts.identity_resources import Binding
from envmgr.server.gateway.auth.current_principal import with_authorization
from envmgr.server.gateway.domain import identity_model
from envmgr.server.gateway.store import oidc_bindings
from envmgr.server.kit.common.pages import Page
from envmgr.server.kit.common.preconditions import IMMUTABLE_ETAG, require_match
from envmgr.server.kit.common.problems import InvalidFields, NotFound
from envmgr.server.kit.db.idempotency import idempotent
from envmgr.server.kit.security.jwks_cache import is_secure_url

if TYPE_CHECKING:
    from envmgr.server.contracts.identity_requests import BindingCreate
    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.gateway.service.app_names import AppNames
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import PageRequest
    from envmgr.server.kit.common.results import Result
    from envmgr.server.kit.db.sql import Database, Reader, Transaction


class BindingService:
    """OIDC bindings."""

    def __init__(self, database: Database, authenticator: Authenticator, app_names: AppNames) -> None:
        self._database = database
        self._authenticator = authenticator
        self._app_names = app_names

    async def create(self, context: RequestContext, new: BindingCreate) -> Result[Binding]:
        """Create a binding."""
        identity_model.require_unrestricted(context.principal)
        limit = await self._app_names.resolve(None if new.apps is UNSET else new.apps)
        identity_model.require_grantable_scopes(context.principal, new.scopes, limit.app_ids)
        _require_sound(new)
        binding = Binding(
            id=0,
            name=new.name,
            issuer=new.issuer,
            audience=new.audience,
            claims=new.claims,
            scopes=tuple(sorted(set(new.scopes))),
            app_ids=limit.app_ids,
            apps=limit.names,
            lifetime=new.lifetime,
            created_by=context.principal.actor,
            created_at="",
        )

        def insert(transaction: Transaction) -> Binding:
            limit.require_known()
            created = oidc_bindings.add(transaction, binding)
            transaction.emit(identity_model.binding_event(BindingCreated, created, context))
            return created

        return await self._database.write(with_authorization(context, idempotent(context, Binding, insert)))

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Binding]:
        """Return a page of bindings."""
        identity_model.require_unrestricted(context.principal)
        page = await self._database.read(lambda reader: oidc_bindings.page(reader, paging))
        return Page(await self._app_names.fill_in(page.items), page.next)

    async def get(self, context: RequestContext, binding_id: int) -> Binding:
        """Return a binding; raise NotFound."""
        identity_model.require_unrestricted(context.principal)
        binding = await self._database.read_inline(lambda reader: _get(reader, binding_id))
        return (await self._app_names.fill_in([binding]))[0]

    async def delete(self, context: RequestContext, binding_id: int) -> None:
        """Delete a binding and invalidate tokens issued through it."""
        identity_model.require_unrestricted(context.principal)

        def delete(transaction: Transaction) -> None:
            binding = _get(transaction, binding_id)
            require_match(context, IMMUTABLE_ETAG)
            oidc_bindings.remove(transaction, binding_id)
            transaction.emit(identity_model.binding_event(BindingDeleted, binding, context))

        await self._authenticator.write_and_invalidate(with_authorization(context, delete))


def _get(reader: Reader, binding_id: int) -> Binding:
    binding = oidc_bindings.get(reader, binding_id)
    if binding is None:
        raise NotFound(f"binding {binding_id} not found")
    return binding


def _require_sound(new: BindingCreate) -> None:
    if not is_secure_url(new.issuer):
        raise InvalidFields(
            "insecure issuer", errors=[("/issuer", "issuer URL must use https (http only on localhost)")]
        )
    ids = identity_model.stable_claims(new.issuer)
    if ids.isdisjoint(new.claims) and not identity_model.has_immutable_subject(new.issuer, new.claims):
        raise InvalidFields(
            "bind to a stable ID claim, since names can be reassigned",
            errors=[
                (
                    "/claims",
                    f"require one of: {', '.join(sorted(ids))}{identity_model.subject_hint(new.issuer)}",
                )
            ],
        )
    if not all(new.claims.values()):
        raise InvalidFields("claim value is empty", errors=[("/claims", "value required")])
