"""Problem documents (RFC 9457) as exceptions: the tree of all errors that the server answers with.

Problem
├── BadRequest 400          InvalidFields 400 (a pointer to every invalid field)
├── Unauthenticated 401
├── Forbidden 403
├── NotFound 404
├── MethodNotAllowed 405
├── RequestTimeout 408
├── Conflict 409            AlreadyExists, IdempotencyKeyInUse, and those of `contracts.problems`
├── PreconditionFailed 412
├── TooLarge 413
├── UnsupportedMedia 415
├── Unprocessable 422       IdempotencyKeyReused
├── PreconditionRequired 428
├── TooManyRequests 429
├── ServiceUnavailable 503  carries Retry-After
└── InternalError 500

Foreign exceptions become leaves of this tree where they enter; only `kit.http` turns a leaf into a response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

TYPE_PREFIX = "/problems/"
_STANDARD_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "errors"})


class Problem(Exception):
    """An error with its problem document: slug, title and status are data, declared by each class."""

    slug = "internal-error"
    """The kind of problem, for programs."""
    title = "Internal error"
    status = 500

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

    def document(self, instance: str) -> dict[str, object]:
        """Return the body of the response to a request for the path `instance`."""
        document: dict[str, object] = {
            "type": TYPE_PREFIX + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            document["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in self.errors]
        return document | self.members

    @classmethod
    def from_document(cls, document: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Self:
        """Return the problem of a document; slug, title and status are the document's, not those of the class."""
        problem = cls.__new__(cls)
        members = {name: value for name, value in document.items() if name not in _STANDARD_MEMBERS}
        Problem.__init__(
            problem,
            str(document.get("detail", "")),
            errors=_field_errors(document.get("errors")),
            headers=headers,
            **members,
        )
        status = document.get("status")
        problem.slug = slug_of(document)
        problem.title = str(document.get("title", cls.title))
        problem.status = status if isinstance(status, int) else cls.status
        return problem


def slug_of(document: Mapping[str, object]) -> str:
    """Return the slug in a problem document's type."""
    return str(document.get("type", "")).removeprefix(TYPE_PREFIX)


def _field_errors(errors: object) -> list[tuple[str, str]]:
    if not isinstance(errors, list):
        return []
    return [(str(error["pointer"]), str(error["detail"])) for error in errors if isinstance(error, dict)]


class BadRequest(Problem):
    """The request is malformed."""

    slug, title, status = "bad-request", "Malformed request", 400


class InvalidFields(Problem):
    """Fields of the request are invalid; carries a pointer to each."""

    slug, title, status = "invalid-fields", "Invalid fields", 400


class Unauthenticated(Problem):
    """The request has no valid credential."""

    slug, title, status = "unauthenticated", "Authentication required", 401

    def __init__(self, detail: str, *, error: str = "") -> None:
        challenge = 'Bearer realm="alm"' + (f', error="{error}"' if error else "")
        super().__init__(detail, headers={"www-authenticate": challenge})


class InvalidServiceToken(Unauthenticated):
    """The calling service has no valid token: settings or clocks of the services differ."""

    slug, title = "invalid-service-token", "Invalid service token"


class Forbidden(Problem):
    """The principal lacks a permission."""

    slug, title, status = "forbidden", "Permission denied", 403


class NotFound(Problem):
    """The resource does not exist."""

    slug, title, status = "not-found", "Not found", 404


class MethodNotAllowed(Problem):
    """The resource does not support the method."""

    slug, title, status = "method-not-allowed", "Method not allowed", 405


class RequestTimeout(Problem):
    """The request did not arrive in time."""

    slug, title, status = "request-timeout", "Request timeout", 408


class Conflict(Problem):
    """The request conflicts with the current state."""

    slug, title, status = "conflict", "Conflict", 409


class AlreadyExists(Conflict):
    """Another resource has this name."""

    slug, title = "already-exists", "Already exists"


class PreconditionFailed(Problem):
    """The resource has changed since the caller read it."""

    slug, title, status = "precondition-failed", "Precondition failed: the resource has changed", 412


class TooLarge(Problem):
    """The request body exceeds its limit."""

    slug, title, status = "too-large", "Request body too large", 413


class UnsupportedMedia(Problem):
    """The request body has an unsupported media type."""

    slug, title, status = "unsupported-media", "Unsupported media type", 415


class Unprocessable(Problem):
    """The request is well-formed, but invalid."""

    slug, title, status = "unprocessable", "Unprocessable request", 422


class IdempotencyKeyReused(Unprocessable):
    """The Idempotency-Key belongs to a different request."""

    slug, title = "idempotency-key-reused", "Idempotency-Key reused with a different request"


class IdempotencyKeyInUse(Conflict):
    """A request with this Idempotency-Key is in progress."""

    slug, title = "idempotency-key-in-use", "Idempotency-Key in use"


class PreconditionRequired(Problem):
    """The server is configured to require If-Match on every change."""

    slug, title, status = "precondition-required", "If-Match required", 428


class TooManyRequests(Problem):
    """The caller exceeds a rate limit; carries Retry-After."""

    slug, title, status = "too-many-requests", "Too many requests", 429

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail, headers={"retry-after": str(retry_after)})


class ServiceUnavailable(Problem):
    """A dependency of the request is temporarily unavailable; carries Retry-After."""

    slug, title, status = "service-unavailable", "Service unavailable", 503

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"retry-after": str(retry_after)})


class PoolExhausted(ServiceUnavailable):
    """No connection to the database became free in time."""

    slug, title = "pool-exhausted", "Database connections in use"


def outcome_unknown(cause: str, *, retry_after: int = 1) -> ServiceUnavailable:
    """Return the problem of a change that was made or was not, as its response was lost."""
    return ServiceUnavailable(
        f"{cause}, which may have had its effect; look before you repeat it, "
        "or repeat it with the same Idempotency-Key",
        retry_after=retry_after,
    )


class InternalError(Problem):
    """The server has a bug; its log has the details, under the request's id."""

    slug, title, status = "internal-error", "Internal server error", 500
