"""Faults of a server, for `Server.add(…, fault=…)`.

A fault acts on the first `times` requests of its path (None: on all) and ignores later ones; with several faults,
the first that still acts is used. `after` is the number of bytes sent before the fault.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

from support.http.fault_server import Bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.http.fault_server import Body, Exchange, Fault

HTML_PAGE = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Guest network</body></html>\n"
BAD_JSON = '{"versions": [{"version": "1.0.0",'


def fault(act: Callable[[Exchange], None], times: int | None = None, when: str = "") -> Fault:
    """Create a fault from a function; `when` names a request header without which it does not act."""
    count = itertools.count()

    def has_acted(exchange: Exchange) -> bool:
        if when and when not in exchange.request.headers:
            return False
        if times is not None and next(count) >= times:
            return False
        act(exchange)
        return True

    return has_acted


def status(
    code: int, times: int | None = None, headers: Mapping[str, str] | None = None, body: bytes = b"no"
) -> Fault:
    """Respond with a status: 404, 500…"""
    return fault(lambda exchange: exchange.send(code, headers or {}, Bytes(body)), times)


def too_many_requests(retry_after: str | None = "0", times: int | None = 1) -> Fault:
    """Respond with 429 and Retry-After (seconds or an HTTP date)."""
    return status(429, times, {"Retry-After": retry_after} if retry_after is not None else {})


def rate_limited(reset_in: int = 600, times: int | None = None, code: int = 403) -> Fault:
    """Respond as GitHub does when the rate limit is exceeded."""
    headers = {
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(time.time()) + reset_in),
        "X-GitHub-Request-Id": "ABCD:1234",
        "Content-Type": "application/json",
    }
    return status(code, times, headers, b'{"message": "API rate limit exceeded"}')


def redirect(to: str, code: int = 302, times: int | None = None) -> Fault:
    """Redirect to another URL, in a loop, to plain http…"""
    return status(code, times, {"Location": to}, b"")


def html_page(times: int | None = None) -> Fault:
    """Respond with 200 and a sign-in page, as captive portals do."""
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return fault(lambda exchange: exchange.send(200, headers, Bytes(HTML_PAGE.encode())), times)


def instead(body: Body | bytes, times: int | None = None) -> Fault:
    """Respond with 200, another body (too short, too long, swapped), and its length."""
    content = Bytes(body) if isinstance(body, bytes) else body
    return fault(lambda exchange: exchange.send(200, exchange.page.headers, content), times)


def announced(length: int, times: int | None = None) -> Fault:
    """Announce another length than the body has, then close the connection."""

    def act(exchange: Exchange) -> None:
        exchange.head(200, {**exchange.page.validators(), "Content-Length": str(length)})
        _write(exchange, *_part(exchange))
        exchange.hang_up()

    return fault(act, times)


def truncated(after: int, times: int | None = None, reset: bool = False) -> Fault:
    """Close (or reset) the connection after that many bytes of the requested content."""

    def act(exchange: Exchange) -> None:
        start, stop = _begin(exchange)
        _write(exchange, start, min(start + after, stop))
        exchange.hang_up(reset)

    return fault(act, times)


def refuses_to_answer(times: int | None = None, reset: bool = False) -> Fault:
    """Close (or reset) the connection without a response."""
    return fault(lambda exchange: exchange.hang_up(reset), times)


def stalled(after: int, times: int | None = None) -> Fault:
    """Stop sending after that many bytes, and leave the connection open."""

    def act(exchange: Exchange) -> None:
        start, stop = _begin(exchange)
        _write(exchange, start, min(start + after, stop))
        exchange.wait(60)

    return fault(act, times)


def silent(times: int | None = None) -> Fault:
    """Accept the request without a response."""
    return fault(lambda exchange: exchange.wait(60), times)


def slow(block: int, pause: float, times: int | None = None) -> Fault:
    """Send that many bytes at a time, with a pause in between."""

    def act(exchange: Exchange) -> None:
        start, stop = _begin(exchange)
        for offset in range(start, stop, block):
            _write(exchange, offset, min(offset + block, stop))
            exchange.wait(pause)

    return fault(act, times)


def ignores_range(times: int | None = None) -> Fault:
    """Respond with 200 and all content, whatever range was requested."""

    def act(exchange: Exchange) -> None:
        exchange.send(200, {**exchange.page.validators(), **exchange.page.headers}, exchange.page.body)

    return fault(act, times)


def wrong_range(start: int, times: int | None = None) -> Fault:
    """Respond with another range than the requested one."""

    def act(exchange: Exchange) -> None:
        body = exchange.page.body
        headers = {"Content-Range": f"bytes {start}-{body.size - 1}/{body.size}"}
        exchange.send(206, {**exchange.page.validators(), **headers}, body, start)

    return fault(act, times, when="range")


def unsatisfiable(times: int | None = None) -> Fault:
    """Respond with 416 to any range."""

    def act(exchange: Exchange) -> None:
        size = exchange.page.body.size
        exchange.send(416, {"Content-Range": f"bytes */{size}"}, Bytes(b""))

    return fault(act, times, when="range")


def chunked(times: int | None = None, cut: bool = False) -> Fault:
    """Send chunks without a length; `cut` closes the connection before the last one."""

    def act(exchange: Exchange) -> None:
        exchange.head(200, {**exchange.page.validators(), "Transfer-Encoding": "chunked"})
        body = exchange.page.body
        for block in body.blocks(0, body.size):
            exchange.write(b"%x\r\n%b\r\n" % (len(block), block))
        if cut:
            exchange.hang_up()
        exchange.write(b"0\r\n\r\n")

    return fault(act, times)


def without_length(after: int | None = None, times: int | None = None) -> Fault:
    """Send a body that ends with its connection, of which that many bytes arrive."""

    def act(exchange: Exchange) -> None:
        exchange.head(200, {**exchange.page.validators(), "Connection": "close"})
        _write(exchange, 0, exchange.page.body.size if after is None else after)
        exchange.hang_up()

    return fault(act, times)


def garbage(times: int | None = None) -> Fault:
    """Respond with bytes that are not HTTP."""

    def act(exchange: Exchange) -> None:
        exchange.write(b"\x15\x03\x01 hello?\r\n\r\n")
        exchange.hang_up()

    return fault(act, times)


def _begin(exchange: Exchange) -> tuple[int, int]:
    """Send the headers for the whole content or the requested range; return the bytes to follow."""
    start, stop = _part(exchange)
    size = exchange.page.body.size
    headers = {**exchange.page.validators(), **exchange.page.headers, "Content-Length": str(stop - start)}
    if start:
        exchange.head(206, {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"})
    else:
        exchange.head(200, headers)
    return start, stop


def _part(exchange: Exchange) -> tuple[int, int]:
    range_, _, _ = exchange.request.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")
    return min(int(range_), exchange.page.body.size), exchange.page.body.size


def _write(exchange: Exchange, start: int, stop: int) -> None:
    for block in exchange.page.body.blocks(start, stop):
        exchange.write(block)
