"""Mapping of problem documents (RFC 9457) to errors with hints, without I/O."""

from __future__ import annotations

import json
import re
from http import HTTPStatus

from envmgr.alm.client.next_steps import next_steps
from envmgr.kit.errors import (
    AlmConflict,
    AlmError,
    AlmInvalidRequest,
    AlmNotFound,
    AlmRateLimited,
    Forbidden,
    NotSignedIn,
    SelfApprovalForbidden,
    UnsupportedServer,
)
from envmgr.kit.frozen import frozen
from envmgr.kit.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envmgr.kit.http.client import Response

API_VERSION = 1
"""The API version that this client supports."""

API_HEADER = "alm-api"
_UNAVAILABLE_STATUSES = frozenset({429, 502, 503, 504})
_STANDARD = frozenset({"type", "title", "status", "detail", "instance", "errors"})


@frozen
class ProblemDetails:
    """A problem document: server, status, slug, detail, and other members."""

    host: str
    status: int
    kind: str
    detail: str
    issues: tuple[str, ...]
    members: Mapping[str, object]
    request_id: str
    retry_after: str = ""


def check_version(response: Response) -> None:
    """Raise UnsupportedServer unless a response is from an ALM server with a supported API version."""
    text = response.headers.get(API_HEADER, "").strip()
    if text == str(API_VERSION) or (not text and response.status in _UNAVAILABLE_STATUSES):
        return
    host = urls.host(response.url)
    if not (text.isascii() and text.isdigit()):
        raise UnsupportedServer(
            f"{urls.redact(response.url)} is not a supported ALM server "
            f"({_status_text(response.status)}, no API version header)",
            "check the URL, or update the server",
        )
    outdated = "the server" if int(text[:9]) < API_VERSION else "envmgr"
    raise UnsupportedServer(
        f"{host} uses ALM API version {text[:9]}, this envmgr supports {API_VERSION}", f"update {outdated}"
    )


def to_error(response: Response) -> AlmError:
    """Return the error for an error response."""
    problem = read(response)
    return _ERRORS_BY_STATUS.get(problem.status, _unexpected_problem_error)(problem)


def read(response: Response) -> ProblemDetails:
    """Return the problem document of a response; missing parts are derived from the status."""
    document = _document(response)
    detail = document.get("detail") or document.get("title")
    return ProblemDetails(
        host=urls.host(response.url),
        status=response.status,
        kind=str(document.get("type", "")).rpartition("/")[2],
        detail=escape_line(detail) if isinstance(detail, str) else _status_text(response.status),
        issues=tuple(_issues(document.get("errors"))),
        members={name: value for name, value in document.items() if name not in _STANDARD},
        request_id=escape_line(response.headers.get("x-request-id", "")),
        retry_after=response.headers.get("retry-after", ""),
    )


def _document(response: Response) -> dict[str, object]:
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _issues(errors: object) -> list[str]:
    if not isinstance(errors, list):
        return []
    return [
        escape_line(f"{issue.get('pointer', '')}: {issue.get('detail', '')}")
        for issue in errors
        if isinstance(issue, dict)
    ]


def escape_line(text: str) -> str:
    """Return a text on one line, without control characters that could affect a terminal."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _not_signed_in(problem: ProblemDetails) -> AlmError:
    return NotSignedIn(f"authentication failed at {problem.host}: {problem.detail}", "run `envmgr alm login`")


def _forbidden_error(problem: ProblemDetails) -> AlmError:
    if problem.kind == "self-approval-forbidden":
        return SelfApprovalForbidden(
            f"permission denied by {problem.host}: {problem.detail}",
            "ask another user with deploy permission to approve it",
        )
    return Forbidden(
        f"permission denied by {problem.host}: {problem.detail}",
        "run `envmgr alm whoami` to see your permissions; an admin can grant more",
    )


def _not_found(problem: ProblemDetails) -> AlmError:
    return AlmNotFound(f"{problem.host}: {problem.detail}", _list_hint(problem.detail))


_LIST_COMMANDS = {
    "app": "apps list",
    "version": "versions list",
    "deployment": "deployments list",
    "environment": "status",
    "key": "keys list",
}


def _list_hint(detail: str) -> str:
    """Return the hint with the command that lists resources of the missing kind."""
    match = re.search(rf"\b({'|'.join(_LIST_COMMANDS)})\b", detail)
    return f"run `envmgr alm {_LIST_COMMANDS[match[1]]}` to list them" if match else "check the spelling"


def _conflict(problem: ProblemDetails) -> AlmError:
    detail = problem.detail.replace("?force=true", "--force")  # the name of the option here
    return AlmConflict(
        f"{problem.host}: {detail}", _conflict_hint(problem), kind=problem.kind, members=problem.members
    )


def _conflict_hint(problem: ProblemDetails) -> str | None:
    """Return the hint for a conflict: the allowed transitions, or the blocking deployment."""
    allowed, active, status = (
        problem.members.get(name)
        for name in ("allowed_statuses", "active_deployment", "active_deployment_status")
    )
    if isinstance(allowed, list):
        return f"allowed: {escape_line(', '.join(map(str, allowed)))}" if allowed else "this status is final"
    if isinstance(active, str):
        deployment = escape_line(active.rpartition("/")[2])
        return (
            f"blocked by deployment {deployment}: {next_steps(deployment, str(status))}; "
            f"run `envmgr alm deployments show {deployment}` for details"
        )
    return None


def _modified_concurrently(problem: ProblemDetails) -> AlmError:
    return AlmConflict(
        f"{problem.host}: modified concurrently: {problem.detail}",
        "review it and retry",
        kind=problem.kind,
        members=problem.members,
    )


def _invalid(problem: ProblemDetails) -> AlmError:
    return AlmInvalidRequest(f"invalid request to {problem.host}: {problem.detail}", issues=problem.issues)


def _rate_limited(problem: ProblemDetails) -> AlmError:
    seconds = problem.retry_after
    minutes = _minutes(int(seconds)) if re.fullmatch(_RETRY_SECONDS, seconds) else ""
    detail = problem.detail.replace(f"{seconds} s", minutes) if minutes else problem.detail
    return AlmRateLimited(
        f"rate limited by {problem.host} ({_status_text(problem.status)}): {detail}"
        if problem.status == HTTPStatus.TOO_MANY_REQUESTS
        else f"{problem.host} is unavailable ({_status_text(problem.status)}): {detail}",
        f"wait {minutes or 'a little'} and retry",
    )


_RETRY_SECONDS = r"[0-9]{2,6}"


def _minutes(seconds: int) -> str:
    """Format a wait in minutes; empty for at most one minute."""
    return f"{-(-seconds // 60)} minutes" if seconds > 60 else ""  # noqa: PLR2004 - a minute


def _unexpected_problem_error(problem: ProblemDetails) -> AlmError:
    suffix = f"; request ID {problem.request_id} in its log" if problem.request_id else ""
    return AlmError(
        f"{problem.host} returned {_status_text(problem.status)}: {problem.detail}",
        f"the server has a problem{suffix}",
    )


_ERRORS_BY_STATUS: dict[int, Callable[[ProblemDetails], AlmError]] = {
    400: _invalid,
    401: _not_signed_in,
    403: _forbidden_error,
    404: _not_found,
    409: _conflict,
    412: _modified_concurrently,
    413: _invalid,
    415: _invalid,
    422: _invalid,
    428: _invalid,
    429: _rate_limited,
    502: _rate_limited,
    503: _rate_limited,
    504: _rate_limited,
}


def _status_text(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
