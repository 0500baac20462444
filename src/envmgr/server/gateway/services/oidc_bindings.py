"""Which jobs of which CI systems may come in, for admins to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from envmgr.server.gateway import domain
from envmgr.server.gateway.events import BINDING_CREATED, BINDING_DELETED
from envmgr.server.gateway.resources import Binding
from envmgr.server.gateway.store import oidc_bindings
from envmgr.server.kit.common.preconditions import require_unchanged
from envmgr.server.kit.common.problems import InvalidFields, NotFound
from envmgr.server.kit.db.idempotency import once
from envmgr.server.kit.security.jwks_cache import is_safe

if TYPE_CHECKING:
    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.gateway.requests import BindingNew
    from envmgr.server.kit.common.context import Call
    from envmgr.server.kit.common.results import Answer
    from envmgr.server.kit.db.pagination import Page, Paging
    from envmgr.server.kit.db.sql import Database, Reader, Transaction

ONLY_STATE = "1"
"""A binding is as it was made, until it is removed."""


class BindingService:
    """Bindings."""

    def __init__(self, database: Database, authenticator: Authenticator) -> None:
        self._database = database
        self._authenticator = authenticator

    async def create(self, call: Call, new: BindingNew) -> Answer[Binding]:
        """Let jobs in."""
        domain.require_everywhere(call.principal)
        apps = None if new.apps is UNSET else tuple(sorted(set(new.apps)))
        domain.require_scopes(call.principal, new.scopes, apps)
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
            created_by=call.principal.actor,
            created_at="",
        )

        def unit(transaction: Transaction) -> Binding:
            made = oidc_bindings.add(transaction, binding)
            transaction.emit(domain.of_binding(BINDING_CREATED, made, call))
            return made

        return await self._database.write(once(call, Binding, unit))

    async def list(self, call: Call, paging: Paging) -> Page[Binding]:
        """Return a page of bindings."""
        domain.require_everywhere(call.principal)
        return await self._database.read(lambda reader: oidc_bindings.page(reader, paging))

    async def get(self, call: Call, binding_id: int) -> Binding:
        """Return a binding. Raise NotFound."""
        domain.require_everywhere(call.principal)
        return await self._database.lookup(lambda reader: _found(reader, binding_id))

    async def delete(self, call: Call, binding_id: int) -> None:
        """Remove a binding; who came in by it is out at once."""
        domain.require_everywhere(call.principal)

        def unit(transaction: Transaction) -> None:
            binding = _found(transaction, binding_id)
            require_unchanged(call, ONLY_STATE)
            oidc_bindings.remove(transaction, binding_id)
            transaction.emit(domain.of_binding(BINDING_DELETED, binding, call))

        await self._authenticator.change(unit)


def _found(reader: Reader, binding_id: int) -> Binding:
    binding = oidc_bindings.get(reader, binding_id)
    if binding is None:
        raise NotFound(f"there is no binding {binding_id}")
    return binding


def _require_sound(new: BindingNew) -> None:
    if not is_safe(new.issuer):
        raise InvalidFields(
            "the issuer's keys could be anybody's", errors=[("/issuer", "https, or http on this machine")]
        )
    ids = domain.lasting_claims(new.issuer)
    if ids.isdisjoint(new.claims):
        raise InvalidFields(
            "names can be given up and taken by others: bind to an id",
            errors=[("/claims", f"one of {', '.join(sorted(ids))}")],
        )
    if not all(new.claims.values()):
        raise InvalidFields("an empty claim says nothing", errors=[("/claims", "a value for each")])
