"""Which jobs of which CI systems may come in, for admins to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from envmgr.server.contracts.events.identity import BindingCreated, BindingDeleted
from envmgr.server.contracts.identity_resources import Binding
from envmgr.server.gateway.domain import identity_model
from envmgr.server.gateway.store import oidc_bindings
from envmgr.server.kit.common.preconditions import IMMUTABLE_ETAG, require_match
from envmgr.server.kit.common.problems import InvalidFields, NotFound
from envmgr.server.kit.db.idempotency import idempotent
from envmgr.server.kit.security.jwks_cache import is_secure_url

if TYPE_CHECKING:
    from envmgr.server.contracts.identity_requests import BindingCreate
    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.common.results import Result
    from envmgr.server.kit.db.sql import Database, Reader, Transaction


class BindingService:
    """Bindings."""

    def __init__(self, database: Database, authenticator: Authenticator) -> None:
        self._database = database
        self._authenticator = authenticator

    async def create(self, context: RequestContext, new: BindingCreate) -> Result[Binding]:
        """Let jobs in."""
        identity_model.require_unrestricted(context.principal)
        apps = None if new.apps is UNSET else tuple(sorted(set(new.apps)))
        identity_model.require_grantable_scopes(context.principal, new.scopes, apps)
        _require_sound(new)
        binding = Binding(
            id=0,
            name=new.name,
            issuer=new.issuer,
            audience=new.audience,
            claims=new.claims,
            scopes=tuple(sorted(set(new.scopes))),
            apps=apps,
            lifetime=new.lifetime,
            created_by=context.principal.actor,
            created_at="",
        )

        def unit(transaction: Transaction) -> Binding:
            made = oidc_bindings.add(transaction, binding)
            transaction.emit(identity_model.binding_event(BindingCreated, made, context))
            return made

        return await self._database.write(idempotent(context, Binding, unit))

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Binding]:
        """Return a page of bindings."""
        identity_model.require_unrestricted(context.principal)
        return await self._database.read(lambda reader: oidc_bindings.page(reader, paging))

    async def get(self, context: RequestContext, binding_id: int) -> Binding:
        """Return a binding. Raise NotFound."""
        identity_model.require_unrestricted(context.principal)
        return await self._database.read_inline(lambda reader: _get(reader, binding_id))

    async def delete(self, context: RequestContext, binding_id: int) -> None:
        """Remove a binding; who came in by it is out at once."""
        identity_model.require_unrestricted(context.principal)

        def unit(transaction: Transaction) -> None:
            binding = _get(transaction, binding_id)
            require_match(context, IMMUTABLE_ETAG)
            oidc_bindings.remove(transaction, binding_id)
            transaction.emit(identity_model.binding_event(BindingDeleted, binding, context))

        await self._authenticator.write_and_invalidate(unit)


def _get(reader: Reader, binding_id: int) -> Binding:
    binding = oidc_bindings.get(reader, binding_id)
    if binding is None:
        raise NotFound(f"there is no binding {binding_id}")
    return binding


def _require_sound(new: BindingCreate) -> None:
    if not is_secure_url(new.issuer):
        raise InvalidFields(
            "the issuer's keys could be anybody's", errors=[("/issuer", "https, or http on this machine")]
        )
    ids = identity_model.stable_claims(new.issuer)
    if ids.isdisjoint(new.claims):
        raise InvalidFields(
            "names can be given up and taken by others: bind to an id",
            errors=[("/claims", f"one of {', '.join(sorted(ids))}")],
        )
    if not all(new.claims.values()):
        raise InvalidFields("an empty claim says nothing", errors=[("/claims", "a value for each")])
