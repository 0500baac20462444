"""The tree of everything the server can tell a caller went wrong (RFC 9457).

Problem
├── Malformed 400           InvalidFields 400 (every pointer at once)
├── Unauthenticated 401
├── Forbidden 403
├── NotFound 404
├── NotAllowed 405
├── TimedOut 408            a request that did not arrive in time
├── Conflict 409            AlreadyExists, and what services add
├── Stale 412
├── TooLarge 413
├── UnsupportedMedia 415
├── Unprocessable 422       IdempotencyKeyReused
├── ConditionRequired 428
├── TooMany 429
├── Unavailable 503         carries Retry-After
└── Bug 500

Foreign exceptions become leaves of this tree where they enter. Only the edge turns a leaf into an answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Problem(Exception):
    """Say what went wrong, and what the caller can do."""

    status = 500
    title = "Something went wrong"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = members

    @property
    def slug(self) -> str:
        """Name the kind of problem, for programs: `app-in-use`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()

    def document(self, instance: str) -> dict[str, object]:
        """Return the body of the answer."""
        document: dict[str, object] = {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            document["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in self.errors]
        return document | self.members


class BadRequest(Problem):
    """The request cannot be read."""

    status, title = 400, "The request cannot be read"


class InvalidFields(Problem):
    """Fields hold what they cannot; carries a pointer to each."""

    status, title = 400, "Some fields hold what they cannot"


class Unauthenticated(Problem):
    """Nobody known asks."""

    status, title = 401, "Sign in first"

    def __init__(self, detail: str, *, error: str = "") -> None:
        challenge = 'Bearer realm="alm"' + (f', error="{error}"' if error else "")
        super().__init__(detail, headers={"www-authenticate": challenge})


class Forbidden(Problem):
    """Who asks may not."""

    status, title = 403, "You may not do this"


class NotFound(Problem):
    """There is no such thing."""

    status, title = 404, "There is no such thing"


class MethodNotAllowed(Problem):
    """The resource has no such method."""

    status, title = 405, "This resource has no such method"


class RequestTimeout(Problem):
    """The request did not arrive in time."""

    status, title = 408, "The request took too long to arrive"


class Conflict(Problem):
    """The request does not fit how things stand."""

    status, title = 409, "This does not fit how things stand"


class AlreadyExists(Conflict):
    """Something else has this name."""

    title = "Something else has this name"


class PreconditionFailed(Problem):
    """The resource has changed since the caller saw it."""

    status, title = 412, "The resource has changed since you saw it"


class TooLarge(Problem):
    """The body is larger than any that means something."""

    status, title = 413, "The body is too large"


class UnsupportedMedia(Problem):
    """The body is in a format that is not read here."""

    status, title = 415, "This media type is not read here"


class Unprocessable(Problem):
    """The request can be read, and makes no sense."""

    status, title = 422, "The request makes no sense"


class IdempotencyKeyReused(Unprocessable):
    """The key stands for another request."""

    title = "This Idempotency-Key stands for another request"


class IdempotencyKeyInUse(Conflict):
    """A request with this key is still running."""

    title = "A request with this Idempotency-Key is still running"


class PreconditionRequired(Problem):
    """This server changes a resource only for who says which state they saw."""

    status, title = 428, "Say which state you saw (If-Match)"


class TooManyRequests(Problem):
    """Too many requests; carries when to come back."""

    status, title = 429, "Too many requests"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail, headers={"retry-after": str(retry_after)})


class ServiceUnavailable(Problem):
    """Something the request needs is away for now; carries when to come back."""

    status, title = 503, "Not available for now"

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"retry-after": str(retry_after)})


class InternalError(Problem):
    """We did something wrong; the log has the details, under the request's id."""

    status, title = 500, "A bug of ours"
