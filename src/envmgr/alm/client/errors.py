"""What the ALM server's refusals mean: its problem documents (RFC 9457) as errors that lead on. Pure."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envmgr.kit.http.client import Response

API = 1
"""The version of the API that this client speaks."""

API_HEADER = "alm-api"
_UNAVAILABLE_STATUSES = frozenset({429, 502, 503, 504})
_STANDARD = frozenset({"type", "title", "status", "detail", "instance", "errors"})


@frozen
class ProblemDetails:
    """A refusal: of which server, what kind it names, what it says, and what else it carries."""

    host: str
    status: int
    kind: str
    detail: str
    issues: tuple[str, ...]
    members: Mapping[str, object]
    request_id: str
    retry_after: str = ""


def check_version(response: Response) -> None:
    """Raise TooOld unless an answer is an ALM server's that speaks our version of the API."""
    text = response.headers.get(API_HEADER, "").strip()
    if text == str(API) or (not text and response.status in _UNAVAILABLE_STATUSES):
        return
    host = urls.host(response.url)
    if not (text.isascii() and text.isdigit()):
        raise UnsupportedServer(
            f"what answers at {urls.redacted(response.url)} is no ALM server that envmgr knows "
            f"({_named(response.status)}, and no version of its API)",
            f"check the address; if {host} is an ALM server, it is too old: update it",
        )
    older, newer = ("the server", "this envmgr") if int(text[:9]) < API else ("this envmgr", "the server")
    raise UnsupportedServer(
        f"{host} speaks version {text[:9]} of the ALM API, and this envmgr version {API}",
        f"update {older}: it is older than {newer}",
    )


def to_error(response: Response) -> AlmError:
    """Make the error for an answer that is no success."""
    problem = read(response)
    return _KINDS.get(problem.status, _unexpected)(problem)


def read(response: Response) -> ProblemDetails:
    """Read a problem document, or what stands in its place."""
    document = _document(response)
    detail = document.get("detail") or document.get("title")
    return ProblemDetails(
        host=urls.host(response.url),
        status=response.status,
        kind=str(document.get("type", "")).rpartition("/")[2],
        detail=plain(detail) if isinstance(detail, str) else _named(response.status),
        issues=tuple(_issues(document.get("errors"))),
        members={name: value for name, value in document.items() if name not in _STANDARD},
        request_id=plain(response.headers.get("x-request-id", "")),
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
        plain(f"{one.get('pointer', '')}: {one.get('detail', '')}") for one in errors if isinstance(one, dict)
    ]


def plain(text: str) -> str:
    """Spell on one line what a server says: nothing in it moves a terminal's cursor, or hides anything."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _not_signed_in(problem: ProblemDetails) -> AlmError:
    return NotSignedIn(
        f"{problem.host} does not accept who you say you are: {problem.detail}",
        "`envmgr alm login` signs in",
    )


def _forbidden(problem: ProblemDetails) -> AlmError:
    if problem.kind == "self-approval-forbidden":
        return SelfApprovalForbidden(
            f"{problem.host} does not let you do this: {problem.detail}",
            "whoever else may deploy there can take this step",
        )
    return Forbidden(
        f"{problem.host} does not let you do this: {problem.detail}",
        "`envmgr alm whoami` shows what you may do; an admin of the server can give you more",
    )


def _not_found(problem: ProblemDetails) -> AlmError:
    return AlmNotFound(f"{problem.host}: {problem.detail}", _list_of(problem.detail))


_LIST_COMMANDS = {
    "app": "apps list",
    "version": "versions list",
    "deployment": "deployments list",
    "environment": "status",
    "key": "keys list",
}


def _list_of(detail: str) -> str:
    """Name the command that shows what there is of the kind that something was not found of."""
    found = re.search(rf"\bno ({'|'.join(_LIST_COMMANDS)})\b", detail)
    return (
        f"`envmgr alm {_LIST_COMMANDS[found[1]]}` shows those there are"
        if found
        else "check how it is spelled"
    )


def _conflict(problem: ProblemDetails) -> AlmError:
    detail = problem.detail.replace("?force=true", "--force")  # which is what the API calls it
    return AlmConflict(
        f"{problem.host}: {detail}", _steps(problem), kind=problem.kind, members=problem.members
    )


def _steps(problem: ProblemDetails) -> str | None:
    """Say the way out of a conflict by what the server says is possible, or in the way."""
    steps, active, status = (
        problem.members.get(name)
        for name in ("allowed_statuses", "active_deployment", "active_deployment_status")
    )
    if isinstance(steps, list):
        return f"the steps from there are {plain(', '.join(map(str, steps)))}" if steps else "it is over"
    if isinstance(active, str):
        number = plain(active.rpartition("/")[2])
        onward = next_steps(number, str(status))
        return (
            f"in the way is deployment {number}: {onward}; `envmgr alm deployments show {number}` tells more"
        )
    return None


def _stale(problem: ProblemDetails) -> AlmError:
    return AlmConflict(
        f"{problem.host}: somebody else changed it at the same time: {problem.detail}",
        "look at it again, then run the same command again",
        kind=problem.kind,
        members=problem.members,
    )


def _invalid(problem: ProblemDetails) -> AlmError:
    return AlmInvalidRequest(f"{problem.host} cannot take this: {problem.detail}", issues=problem.issues)


def _rate_limited(problem: ProblemDetails) -> AlmError:
    seconds = problem.retry_after
    long = _minutes(int(seconds)) if _LONG.fullmatch(seconds) else ""
    detail = problem.detail.replace(f"{seconds} s", long) if long else problem.detail
    return AlmRateLimited(
        f"{problem.host} takes no more requests for now ({_named(problem.status)}): {detail}",
        f"wait {long or 'a little'}, then run the same command again",
    )


_LONG = re.compile(r"[0-9]{2,6}")


def _minutes(seconds: int) -> str:
    """Spell how long to wait in minutes; nothing for what is a minute at most."""
    return f"{-(-seconds // 60)} minutes" if seconds > 60 else ""  # noqa: PLR2004 - a minute


def _unexpected(problem: ProblemDetails) -> AlmError:
    log = f"; its log knows more under {problem.request_id}" if problem.request_id else ""
    return AlmError(
        f"{problem.host} answered {_named(problem.status)}: {problem.detail}", f"the trouble is there{log}"
    )


_KINDS: dict[int, Callable[[ProblemDetails], AlmError]] = {
    400: _invalid,
    401: _not_signed_in,
    403: _forbidden,
    404: _not_found,
    409: _conflict,
    412: _stale,
    413: _invalid,
    415: _invalid,
    422: _invalid,
    428: _invalid,
    429: _rate_limited,
    502: _rate_limited,
    503: _rate_limited,
    504: _rate_limited,
}


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
