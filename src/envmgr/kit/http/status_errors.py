"""Errors for HTTP statuses, each with a hint, without I/O."""

from __future__ import annotations

import time
from http import HTTPStatus

from envmgr.kit.errors import HttpError, RateLimited
from envmgr.kit.http import retry, urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, GONE, TOO_MANY = 401, 403, 404, 410, 429
TRANSIENT_STATUSES = frozenset({408, 425, TOO_MANY, 500, 502, 503, 504})


def error_for_status(
    url: str, status: int, headers: Mapping[str, str], *, now: float, authorized: bool
) -> HttpError:
    """Create the error for an HTTP error status; header names are in lower case."""
    if status in {FORBIDDEN, TOO_MANY} and headers.get("x-ratelimit-remaining") == "0":
        return _quota_exceeded(url, status, headers, now, authorized)
    retry_after = retry.retry_after(headers.get("retry-after", ""), now)
    if status == TOO_MANY or (status == FORBIDDEN and retry_after is not None):
        return _too_many(url, status, retry_after, now)
    if status in TRANSIENT_STATUSES:
        return _server_error(url, status, retry_after, now)
    return HttpError(_message(url, status), _hint(url, status, authorized), status=status)


def _message(url: str, status: int) -> str:
    if status in {NOT_FOUND, GONE}:
        return f"{urls.redact(url)} not found ({status})"
    return f"{urls.host(url)} returned {_status_text(status)} for {urls.redact(url)}"


def _hint(url: str, status: int, authorized: bool) -> str | None:
    if status in {NOT_FOUND, GONE}:
        return "check the URL: it may have moved or been removed"
    if status not in {UNAUTHORIZED, FORBIDDEN}:
        return None
    if authorized:
        return f"check the credentials for {urls.host(url)}"
    return f"if authentication is required, add {urls.split(url).hostname} to ~/.netrc (or the file in setting `netrc`)"


def _quota_exceeded(
    url: str, status: int, headers: Mapping[str, str], now: float, authorized: bool
) -> RateLimited:
    """Return the error for an exhausted quota.

    GitHub: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.
    """
    reset = headers.get("x-ratelimit-reset", "")
    seconds = max(float(reset[:12]) - now, 0.0) if reset.isascii() and reset.isdigit() else None
    reset_text = "" if seconds is None else f"; resets at {_format_time(now + seconds)}"
    return RateLimited(
        f"rate limit of {urls.host(url)} exceeded{reset_text}",
        _rate_hint(url, headers, authorized),
        status=status,
        passing=seconds is not None and seconds <= retry.MAX_RETRY_AFTER_SECONDS,
        retry_after=seconds,
    )


def _rate_hint(url: str, headers: Mapping[str, str], authorized: bool) -> str:
    if authorized:
        return "wait, or use another token"
    is_github = urls.host(url).endswith("github.com") or "x-github-request-id" in headers
    if is_github:
        return "set GITHUB_TOKEN for a higher limit, or wait"
    return "wait, or authenticate"


def _too_many(url: str, status: int, retry_after_seconds: float | None, now: float) -> RateLimited:
    return RateLimited(
        f"rate limited by {urls.host(url)} ({status}){_retry_after_text(retry_after_seconds, now)}",
        "retry later",
        status=status,
        passing=(retry_after_seconds or 0.0) <= retry.MAX_RETRY_AFTER_SECONDS,
        retry_after=retry_after_seconds,
    )


def _server_error(url: str, status: int, retry_after_seconds: float | None, now: float) -> HttpError:
    return HttpError(
        f"{_message(url, status)}{_retry_after_text(retry_after_seconds, now)}",
        f"{urls.host(url)} has a problem: retry later",
        status=status,
        passing=(retry_after_seconds or 0.0) <= retry.MAX_RETRY_AFTER_SECONDS,
        retry_after=retry_after_seconds,
    )


def _retry_after_text(retry_after_seconds: float | None, now: float) -> str:
    if retry_after_seconds is None or retry_after_seconds <= retry.MAX_RETRY_AFTER_SECONDS:
        return ""
    return f"; retry after {_format_time(now + retry_after_seconds)}"


def _format_time(seconds: float) -> str:
    """Format a time; fall back for times beyond the calendar."""
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "an unknown time"


def _status_text(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
