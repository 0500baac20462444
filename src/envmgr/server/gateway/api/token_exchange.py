"""The REST face of bindings, and of the exchange of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Response, delete, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import LARGEST
from envmgr.server.gateway.api.sessions import origin_of
from envmgr.server.gateway.requests import BindingNew, Exchange, Issuer
from envmgr.server.gateway.resources import Binding, Exchanged
from envmgr.server.gateway.services.oidc_bindings import ONLY_STATE
from envmgr.server.gateway.services.token_exchange import TokenRefused
from envmgr.server.kit.http.errors import problems
from envmgr.server.kit.http.params import DEFAULT, Cursor, Limit, like, sortable
from envmgr.server.kit.http.requests import Asked, allow_only, call_of, paging_of, posted
from envmgr.server.kit.http.responses import answered, listed, shown

if TYPE_CHECKING:
    from envmgr.server.gateway.services.oidc_bindings import BindingService
    from envmgr.server.gateway.services.token_exchange import ExchangeService

BindingId = Annotated[int, Parameter(ge=1, le=LARGEST, description="The binding's id.")]
OfIssuer = Annotated[str | None, like(Issuer, "For tokens of this issuer.")]
Sort = Annotated[str | None, sortable("id", "name", "created_at")]
_ADMIN: dict[str, Any] = {"tags": ["auth"], "opt": {"needs": "users:admin"}}
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20
_decode = msgspec.json.Decoder(Exchange).decode


@dataclass
class _Exchanging(Operation):
    """Describes a body that comes in either of two formats."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        fields = msgspec.structs.fields(Exchange)
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties={field.name: text for field in fields},
            required=[field.name for field in fields if field.required],
            additional_properties=False,
        )
        content = {media: OpenAPIMediaType(schema=schema) for media in ("application/json", _FORM)}
        self.request_body = RequestBody(content=content, required=True)


def routes(bindings: BindingService, exchange: ExchangeService) -> list[Any]:
    """Make the handlers."""

    @post(
        "/auth/token",
        operation_id="exchangeToken",
        summary="Exchange a CI system's OIDC token for an access token (RFC 8693)",
        description=(
            "Each OIDC token can be exchanged once. An `Idempotency-Key` is not kept: the answer holds a credential, "
            "and those are stored nowhere."
        ),
        status_code=200,
        security=[{}],
        tags=["auth"],
        opt={"needs": None},
        operation_class=_Exchanging,
        responses=problems(413, 415),
    )
    async def exchange_token(request: Asked) -> Exchanged:
        asked = _read(request.content_type[0], await request.body())
        return await exchange.exchange(origin_of(request), asked)

    @post(
        "/auth/bindings",
        operation_id="createBinding",
        summary="Let jobs of a CI system in, by their OIDC tokens",
        responses=problems(409, 413, 415, 422),
        **_ADMIN,
    )
    async def create(request: Asked, data: JSONBody[BindingNew]) -> Response[Binding]:
        answer = await bindings.create(await posted(request), data)
        return answered(answer, f"/auth/bindings/{answer.value.id}", ONLY_STATE)

    @get(
        "/auth/bindings",
        operation_id="listBindings",
        summary="List which jobs may come in",
        responses=problems(),
        **_ADMIN,
    )
    async def listing(
        request: Asked,
        limit: Limit = DEFAULT,
        cursor: Cursor = None,
        sort: Sort = None,
        issuer: OfIssuer = None,
    ) -> Response[list[Binding]]:
        paging = paging_of(request, limit, cursor, sort, issuer=issuer)
        return listed(request, await bindings.list(call_of(request), paging))

    @get(
        "/auth/bindings/{binding_id:int}",
        operation_id="getBinding",
        summary="Show which jobs may come in by a binding",
        responses=problems(404),
        **_ADMIN,
    )
    async def show(request: Asked, binding_id: BindingId) -> Response[Binding]:
        return shown(request, await bindings.get(call_of(request), binding_id), ONLY_STATE)

    @delete(
        "/auth/bindings/{binding_id:int}",
        operation_id="deleteBinding",
        summary="Let jobs in no more, from now on",
        responses=problems(404, 412, 428),
        **_ADMIN,
    )
    async def remove(request: Asked, binding_id: BindingId) -> None:
        allow_only(request)
        await bindings.delete(call_of(request), binding_id)

    return [exchange_token, create, listing, show, remove]


def _read(media: str, body: bytes) -> Exchange:
    """Read a request in either format; what is said of a mistake holds nothing of the request."""
    try:
        return msgspec.convert(_pairs(body), Exchange) if media == _FORM else _decode(body)
    except msgspec.MsgspecError as error:
        raise TokenRefused(f"the request cannot be read: {error}", error="invalid_request") from None
    except (ValueError, RecursionError):
        raise TokenRefused("the request cannot be read", error="invalid_request") from None


def _pairs(form: bytes) -> dict[str, str]:
    pairs = parse_qsl(form.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS)
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a field comes twice")
    return dict(pairs)
