"""Problems as the status of a call: code, message and details (`google.rpc.Status`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import grpc
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # the library has no py.typed

from envmgr.server.kit.common.problems import (
    InternalError,
    Problem,
    ServiceUnavailable,
    TooLarge,
    outcome_unknown,
)
from envmgr.server.kit.grpc.options import MAX_METADATA_BYTES

if TYPE_CHECKING:
    from google.protobuf.message import Message

DETAILS_KEY = "grpc-status-details-bin"
"""Key of the trailing metadata with a `google.rpc.Status`, as in all gRPC libraries."""
RETRY_AFTER_SECONDS = 1
MAX_DETAIL_CHARACTERS = 1000
_UNHEALTHY = "backend unhealthy"
"""In the details of a call that was not sent, as the health service of the peer returned NOT_SERVING."""
_UNSENT = ("connections to all backends failing", "errors resolving ")
"""How the details of a call begin for which no connection was there."""
_MAX_FIELD_ERRORS = 100
_MAX_DETAILS_BYTES = MAX_METADATA_BYTES // 2
"""Half of the metadata: they are sent as base64 where a proxy asks for it, and are not alone."""
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.ABORTED,
    412: grpc.StatusCode.FAILED_PRECONDITION,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    428: grpc.StatusCode.FAILED_PRECONDITION,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
UNREACHABLE_CODES = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
"""Codes of a call that the peer did not answer, if they come without details."""


class ProblemMessages(Protocol):
    """Conversion between problems and a message for the details of a status."""

    def encode(self, problem: Problem, instance: str, max_field_errors: int) -> Message:
        """Return the message of a problem of the method `instance`, with at most this many field errors."""
        ...

    def decode(self, status: Status) -> Problem | None:
        """Return the problem in the details of a status, if any."""
        ...


def code_of(problem: Problem) -> grpc.StatusCode:
    """Return the status code of a problem."""
    return _CODES.get(problem.status, grpc.StatusCode.INTERNAL)


def status_details(messages: ProblemMessages, problem: Problem, method: str) -> bytes:
    """Return a problem as a serialized status, with as many field errors as metadata can hold."""
    count = _MAX_FIELD_ERRORS
    details = _serialize(messages, problem, method, count)
    while len(details) > _MAX_DETAILS_BYTES and count:
        count //= 2
        details = _serialize(messages, problem, method, count)
    return details


def _serialize(messages: ProblemMessages, problem: Problem, method: str, count: int) -> bytes:
    code: int = code_of(problem).value[0]
    status = Status(code=code, message=problem.detail[:MAX_DETAIL_CHARACTERS])
    status.details.add().Pack(messages.encode(problem, method, count))
    serialized: bytes = status.SerializeToString()
    return serialized


def problem_of(messages: ProblemMessages, error: grpc.aio.AioRpcError) -> Problem | None:
    """Return the problem that a peer answered with; None if the status has none."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return messages.decode(Status.FromString(value))
            except DecodeError:
                return None
    return None


def is_unsent(error: grpc.aio.AioRpcError) -> bool:
    """Return whether a call surely had no effect, as it was not sent to any server."""
    return error.code() is grpc.StatusCode.UNAVAILABLE and (error.details() or "").startswith(_UNSENT)


def unknown_outcome_problem(peer: str) -> Problem:
    """Return the problem of a call with an effect whose connection was lost."""
    return outcome_unknown(f"service {peer} was lost during the call", retry_after=RETRY_AFTER_SECONDS)


def refusal_problem(peer: str, caller: str, refusal: Problem) -> ServiceUnavailable:
    """Return the problem of a request whose service is refused by a peer."""
    return ServiceUnavailable(
        f"service {peer} refuses calls of {caller}: {refusal.detail}; "
        "set the same JWT_SECRET (or the keys of all) in every service, and synchronize their clocks",
        retry_after=RETRY_AFTER_SECONDS,
    )


def transport_problem(peer: str, error: grpc.aio.AioRpcError) -> Problem:
    """Return the problem of a call that failed between caller and peer."""
    code, detail = error.code(), error.details() or ""
    if code in UNREACHABLE_CODES:
        reason = "is shutting down" if _UNHEALTHY in detail else "is unreachable"
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            reason = "timed out"
        return ServiceUnavailable(f"service {peer} {reason}; retry", retry_after=RETRY_AFTER_SECONDS)
    if code is grpc.StatusCode.CANCELLED:
        return ServiceUnavailable(f"service {peer} ended the call; retry", retry_after=RETRY_AFTER_SECONDS)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return TooLarge(f"message to or from service {peer} exceeds the limit: {detail}")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return InternalError(
            f"service {peer} lacks this method; run the same version of envmgr in every service"
        )
    return InternalError(
        f"call of service {peer} failed: {code.name.lower()}; search its log for this request ID"
    )
