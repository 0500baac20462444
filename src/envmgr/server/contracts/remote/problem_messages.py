"""Problems as messages, in the details of a call's status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from envmgr.server.contracts.problems import problem_from_document
from envmgr.server.contracts.proto.common_pb2 import FieldError, ProblemDetails

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # the library has no py.typed

    from envmgr.server.kit.common.problems import Problem


class ProblemDetailMessages:
    """Conversion of problems (implements `kit.grpc.status.ProblemMessages`)."""

    def encode(self, problem: Problem, instance: str, max_field_errors: int) -> ProblemDetails:
        """Return the message of a problem of the method `instance`, with at most this many field errors."""
        document = problem.document(instance)
        return ProblemDetails(
            type=str(document["type"]),
            title=problem.title,
            status=problem.status,
            detail=problem.detail,
            instance=instance,
            errors=[
                FieldError(pointer=pointer, detail=detail)
                for pointer, detail in problem.errors[:max_field_errors]
            ],
            members=msgspec.json.encode(problem.members).decode() if problem.members else "",
            headers=problem.headers,
        )

    def decode(self, status: Status) -> Problem | None:
        """Return the problem in the details of a status, if any."""
        for detail in status.details:
            message = ProblemDetails()
            if detail.Unpack(message):
                return problem_from_document(_document(message), dict(message.headers))
        return None


def _document(message: ProblemDetails) -> dict[str, object]:
    members = msgspec.json.decode(message.members, type=dict[str, object]) if message.members else {}
    errors = [{"pointer": error.pointer, "detail": error.detail} for error in message.errors]
    return members | {
        "type": message.type,
        "title": message.title,
        "status": message.status,
        "detail": message.detail,
        "errors": errors,
    }
