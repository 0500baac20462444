"""Common parts of calls: conditions, pages, and the context in a server."""

from __future__ import annotations

from envmgr.server.contracts.proto import common_pb2
from envmgr.server.contracts.remote.codecs import IDEMPOTENCY
from envmgr.server.kit.common.context import RequestContext
from envmgr.server.kit.common.pages import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, PageRequest
from envmgr.server.kit.common.problems import InvalidFields
from envmgr.server.kit.grpc.call import current_call, require_principal


def encode_conditions(context: RequestContext) -> common_pb2.CallConditions:
    """Return the conditions of a context as a message."""
    idempotency, if_match = context.idempotency, context.if_match
    return common_pb2.CallConditions(
        idempotency=None if idempotency is None else IDEMPOTENCY.encode(idempotency),
        if_match=None if if_match is None else common_pb2.Texts(values=sorted(if_match)),
    )


def call_context(conditions: common_pb2.CallConditions | None = None) -> RequestContext:
    """Return the context of the call in progress; raise Unauthenticated without a principal."""
    call = current_call()
    has_key = conditions is not None and conditions.HasField("idempotency")
    has_etags = conditions is not None and conditions.HasField("if_match")
    return RequestContext(
        principal=require_principal(call),
        request_id=call.request_id,
        traceparent=call.traceparent,
        idempotency=IDEMPOTENCY.decode(conditions.idempotency) if conditions and has_key else None,
        if_match=frozenset(conditions.if_match.values) if conditions and has_etags else None,
        current_permissions=call.current_permissions,
    )


def optional_call_context(conditions: common_pb2.CallConditions) -> RequestContext | None:
    """Return the context of the call in progress; None without a principal."""
    return None if current_call().principal is None else call_context(conditions)


def encode_page(paging: PageRequest) -> common_pb2.PageRequest:
    """Return a page request as a message."""
    return common_pb2.PageRequest(
        limit=paging.limit,
        cursor=paging.cursor,
        sort=paging.sort,
        filters={name: _encode_filter(value) for name, value in paging.filters.items()},
    )


def decode_page(message: common_pb2.PageRequest) -> PageRequest:
    """Return the page request of a message; raise InvalidFields."""
    limit = message.limit or DEFAULT_PAGE_SIZE
    if not 1 <= limit <= MAX_PAGE_SIZE:
        raise InvalidFields("invalid fields", errors=[("/page/limit", f"expected 1 to {MAX_PAGE_SIZE}")])
    return PageRequest(
        limit=limit,
        cursor=message.cursor if message.HasField("cursor") else None,
        sort=message.sort if message.HasField("sort") else None,
        filters={name: _decode_filter(value) for name, value in message.filters.items()},
    )


def _encode_filter(value: str | int) -> common_pb2.FilterValue:
    return (
        common_pb2.FilterValue(text=value) if isinstance(value, str) else common_pb2.FilterValue(number=value)
    )


def _decode_filter(value: common_pb2.FilterValue) -> str | int:
    return value.number if value.WhichOneof("value") == "number" else value.text
