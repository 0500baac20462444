"""REST API for OIDC bindings and token exchange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Response, delete, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import MAX_SAFE_INTEGER
from envmgr.server.contracts.identity_requests import BindingCreate, Issuer, TokenExchangeRequest
from envmgr.server.contracts.identity_resources import Binding, TokenExchangeResponse
from envmgr.server.contracts.problems import TokenRefused
from envmgr.server.gateway.api.sessions import client_info
from envmgr.server.kit.common.preconditions import IMMUTABLE_ETAG
from envmgr.server.kit.http.errors import problem_responses
from envmgr.server.kit.http.params import DEFAULT_PAGE_SIZE, Cursor, Limit, param_from, sort_param
from envmgr.server.kit.http.requests import (
    HttpRequest,
    idempotent_context,
    page_request,
    request_context,
    require_known_params,
)
from envmgr.server.kit.http.responses import page_response, resource_response, result_response

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.identity import Bindings, TokenExchange

BindingId = Annotated[int, Parameter(ge=1, le=MAX_SAFE_INTEGER, description="Binding ID.")]
IssuerFilter = Annotated[str | None, param_from(Issuer, "Filter by issuer.")]
Sort = Annotated[str | None, sort_param("id", "name", "created_at")]
_ADMIN: dict[str, Any] = {"tags": ["auth"], "opt": {"scope": "users:admin"}}
_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 20
_decode = msgspec.json.Decoder(TokenExchangeRequest).decode


@dataclass
class _ExchangeOperation(Operation):
    """Describes a body that comes in either of two formats."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        fields = msgspec.structs.fields(TokenExchangeRequest)
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties={field.name: text for field in fields},
            required=[field.name for field in fields if field.required],
            additional_properties=False,
        )
        content = {media: OpenAPIMediaType(schema=schema) for media in ("application/json", _FORM)}
        self.request_body = RequestBody(content=content, required=True)


def routes(bindings: Bindings, exchange: TokenExchange) -> list[Any]:
    """Create the route handlers."""

    @post(
        "/auth/token",
        operation_id="exchangeToken",
        summary="Exchange a CI system's OIDC token for an access token (RFC 8693)",
        description=(
            "Each OIDC token can be exchanged once. `Idempotency-Key` is ignored because the response "
            "contains a credential."
        ),
        status_code=200,
        security=[{}],
        tags=["auth"],
        opt={"scope": None},
        operation_class=_ExchangeOperation,
        responses=problem_responses(413, 415),
    )
    async def exchange_token(request: HttpRequest) -> TokenExchangeResponse:
        requested = _read(request.content_type[0], await request.body())
        return await exchange.exchange(client_info(request), requested)

    @post(
        "/auth/bindings",
        operation_id="createBinding",
        summary="Create an OIDC binding",
        responses=problem_responses(409, 413, 415, 422),
        **_ADMIN,
    )
    async def create(request: HttpRequest, data: JSONBody[BindingCreate]) -> Response[Binding]:
        result = await bindings.create(await idempotent_context(request), data)
        return result_response(result, f"/auth/bindings/{result.value.id}", IMMUTABLE_ETAG)

    @get(
        "/auth/bindings",
        operation_id="listBindings",
        summary="List OIDC bindings",
        responses=problem_responses(),
        **_ADMIN,
    )
    async def listing(
        request: HttpRequest,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
        sort: Sort = None,
        issuer: IssuerFilter = None,
    ) -> Response[list[Binding]]:
        paging = page_request(request, limit, cursor, sort, issuer=issuer)
        return page_response(request, await bindings.list(request_context(request), paging))

    @get(
        "/auth/bindings/{binding_id:int}",
        operation_id="getBinding",
        summary="Get an OIDC binding",
        responses=problem_responses(404),
        **_ADMIN,
    )
    async def show(request: HttpRequest, binding_id: BindingId) -> Response[Binding]:
        return resource_response(
            request, await bindings.get(request_context(request), binding_id), IMMUTABLE_ETAG
        )

    @delete(
        "/auth/bindings/{binding_id:int}",
        operation_id="deleteBinding",
        summary="Delete an OIDC binding",
        responses=problem_responses(404, 412, 428),
        **_ADMIN,
    )
    async def remove(request: HttpRequest, binding_id: BindingId) -> None:
        require_known_params(request)
        await bindings.delete(request_context(request), binding_id)

    return [exchange_token, create, listing, show, remove]


def _read(media: str, body: bytes) -> TokenExchangeRequest:
    """Parse a request in either format; error messages contain nothing of the request."""
    try:
        return msgspec.convert(_pairs(body), TokenExchangeRequest) if media == _FORM else _decode(body)
    except msgspec.MsgspecError as error:
        raise TokenRefused(f"malformed request: {error}", error="invalid_request") from None
    except (ValueError, RecursionError):
        raise TokenRefused("malformed request", error="invalid_request") from None


def _pairs(form: bytes) -> dict[str, str]:
    pairs = parse_qsl(form.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_FIELDS)
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("duplicate field")
    return dict(pairs)
