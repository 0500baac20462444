"""Errors of requests that have no response, and the translation of httpx exceptions to them.

The exceptions are matched by name, so that only the transport of httpx imports the library; a test checks for
completeness.
"""

from __future__ import annotations

import errno
import os

from envmgr.kit.errors import ConnectTimedOut, IncompleteDownload, NetworkError, Unreachable
from envmgr.kit.frozen import frozen
from envmgr.kit.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Explain = Callable[[BaseException, "RequestAttempt"], NetworkError]

ONLINE_HINT = (
    "check your network connection; behind a proxy, set HTTPS_PROXY; `--offline` works without a network"
)
_CA_HINT = "if your network intercepts TLS, set its CA: `envmgr config set ca_bundle FILE` or SSL_CERT_FILE"
_AGAIN_HINT = "retry; downloads resume"
_ADDRESS_HINT = "check the URL: a proxy, or another service, may have intercepted the request"
_MAX_QUOTE_LENGTH = 100
_UNREACHABLE_ERRNOS = frozenset({errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH})


@frozen
class RequestAttempt:
    """The request that failed."""

    url: str
    timeout: float
    proxy: str | None = None

    @property
    def host(self) -> str:
        """Return the URL's host."""
        return urls.host(self.url)

    @property
    def peer(self) -> str:
        """Return the connection's peer: the host, or the proxy."""
        return f"the proxy {urls.host(self.proxy)}" if self.proxy else self.host


def to_network_error(error: Exception, attempt: RequestAttempt) -> NetworkError:
    """Return the NetworkError for an exception, by its most specific known class."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return next((ERROR_MAP[name] for name in names if name in ERROR_MAP), _unknown_error)(error, attempt)


def unreachable_error(error: Exception, attempt: RequestAttempt) -> NetworkError:
    """Return the error of a connection that could not be made."""
    causes = list(_chain(error))
    for kind, explain in _explanations():
        match = next((cause for cause in causes if isinstance(cause, kind)), None)
        if match is not None:
            return explain(match, attempt)
    return NetworkError(f"cannot reach {attempt.peer}: {error}", ONLINE_HINT, passing=True)


def _explanations() -> tuple[tuple[type[BaseException], Explain], ...]:
    """Return what explains each kind of cause, the most specific kinds first."""
    import socket
    import ssl

    return (
        (ssl.SSLCertVerificationError, _certificate_error),
        (ssl.SSLEOFError, _interrupted_handshake_error),
        (ssl.SSLZeroReturnError, _interrupted_handshake_error),
        (ssl.SSLError, _handshake_error),
        (socket.gaierror, _dns_error),
        (OSError, _connection_refused),
    )


def _certificate_error(cause: BaseException, attempt: RequestAttempt) -> NetworkError:
    reason = getattr(cause, "verify_message", "") or str(cause)
    return NetworkError(f"TLS certificate verification failed for {attempt.host}: {reason}", _CA_HINT)


def _handshake_error(cause: BaseException, attempt: RequestAttempt) -> NetworkError:
    reason = getattr(cause, "reason", None) or str(cause)
    return NetworkError(f"TLS handshake with {attempt.host} failed: {reason}", _ADDRESS_HINT)


def _interrupted_handshake_error(cause: BaseException, attempt: RequestAttempt) -> NetworkError:
    error = _handshake_error(cause, attempt)
    error.passing = True
    return error


def _dns_error(cause: BaseException, attempt: RequestAttempt) -> NetworkError:
    import socket

    # EAI_AGAIN is what a machine without a network gets.
    reason = "no answer from DNS" if cause.args[:1] == (socket.EAI_AGAIN,) else "unknown host"
    return Unreachable(f"cannot resolve {attempt.peer}: {reason}", ONLINE_HINT)


def _connection_refused(cause: BaseException, attempt: RequestAttempt) -> NetworkError:
    number = getattr(cause, "errno", None)
    message = f"cannot reach {attempt.peer}: {os.strerror(number).lower() if number else cause}"
    if number in _UNREACHABLE_ERRNOS:
        return Unreachable(message, ONLINE_HINT)
    return NetworkError(message, ONLINE_HINT, passing=True)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def connect_timeout_error(attempt: RequestAttempt) -> NetworkError:
    """Return the error of a connection that was not made in time."""
    return ConnectTimedOut(
        f"cannot reach {attempt.peer}: timed out after {attempt.timeout:g} s", ONLINE_HINT, passing=True
    )


def stall_error(attempt: RequestAttempt) -> NetworkError:
    """Return the error of a stalled transfer."""
    return NetworkError(
        f"{attempt.host} stalled: no data, or next to none, in {attempt.timeout:g} s",
        "retry; on a slow network, raise the timeout: `envmgr config set http_timeout SECONDS`",
        passing=True,
    )


def _connect_timeout_error(_: Exception, attempt: RequestAttempt) -> NetworkError:
    return connect_timeout_error(attempt)


def _stall_error(_: Exception, attempt: RequestAttempt) -> NetworkError:
    return stall_error(attempt)


def connection_lost_error(error: Exception, attempt: RequestAttempt) -> NetworkError:
    """Return the error of a connection that broke."""
    numbers = [getattr(cause, "errno", None) for cause in _chain(error)]
    reason = next((os.strerror(number).lower() for number in numbers if number), str(error))
    return NetworkError(f"connection to {attempt.peer} lost: {reason}", _AGAIN_HINT, passing=True)


def _protocol(error: Exception, attempt: RequestAttempt) -> NetworkError:
    text = str(error)
    if "without sending complete message body" in text:
        return incomplete_error(attempt)
    if "disconnected without sending" in text:
        return no_response_error(attempt)
    return invalid_response_error(error, attempt)


def incomplete_error(attempt: RequestAttempt) -> NetworkError:
    """Return the error of a body that ends early."""
    return IncompleteDownload(
        f"{attempt.host} closed the connection while sending {_redacted_url(attempt)}",
        _AGAIN_HINT,
        passing=True,
    )


def no_response_error(attempt: RequestAttempt) -> NetworkError:
    """Return the error of a connection that was closed before the response."""
    return NetworkError(f"{attempt.host} closed the connection without responding", _AGAIN_HINT, passing=True)


def invalid_response_error(error: Exception, attempt: RequestAttempt) -> NetworkError:
    """Return the error of a response that is not HTTP."""
    return NetworkError(
        f"invalid HTTP response from {attempt.host}: {str(error)[:_MAX_QUOTE_LENGTH]}", _ADDRESS_HINT
    )


def _proxy(error: Exception, attempt: RequestAttempt) -> NetworkError:
    return NetworkError(
        f"{attempt.peer} refused to connect to {attempt.host}: {error}",
        "check HTTPS_PROXY and its credentials",
    )


def decoding_error(error: Exception, attempt: RequestAttempt) -> NetworkError:
    """Return the error of a body that is not in its encoding."""
    return NetworkError(f"cannot decode the response from {_redacted_url(attempt)}: {error}", _ADDRESS_HINT)


def _invalid_url(error: Exception, attempt: RequestAttempt) -> NetworkError:
    return NetworkError(f"invalid URL {_redacted_url(attempt)}: {error}")


def _unsendable_request(error: Exception, attempt: RequestAttempt) -> NetworkError:
    """Return an error without the cause, which may quote a token."""
    if "header" in str(error) or isinstance(error, UnicodeError):
        return unsendable_header_error(attempt)
    return NetworkError(f"cannot send the request for {_redacted_url(attempt)}: {error}")


def unsendable_header_error(attempt: RequestAttempt) -> NetworkError:
    """Return the error of a header that cannot be sent, without its value."""
    return NetworkError(
        f"cannot send the request for {_redacted_url(attempt)}: "
        "invalid characters in a request header (check the token)"
    )


def _truncated_response(_: Exception, attempt: RequestAttempt) -> NetworkError:
    return IncompleteDownload(f"truncated response from {_redacted_url(attempt)}", _AGAIN_HINT)


def _unknown_error(error: Exception, attempt: RequestAttempt) -> NetworkError:
    return NetworkError(f"request to {_redacted_url(attempt)} failed: {str(error) or type(error).__name__}")


def _redacted_url(attempt: RequestAttempt) -> str:
    return urls.redact(attempt.url)


ERROR_MAP: dict[str, Callable[[Exception, RequestAttempt], NetworkError]] = {
    "HTTPError": _unknown_error,
    "RequestError": _unknown_error,
    "TransportError": unreachable_error,
    "TimeoutException": _stall_error,
    "ConnectTimeout": _connect_timeout_error,
    "ReadTimeout": _stall_error,
    "WriteTimeout": _stall_error,
    "PoolTimeout": _connect_timeout_error,
    "NetworkError": unreachable_error,
    "ConnectError": unreachable_error,
    "ReadError": connection_lost_error,
    "WriteError": connection_lost_error,
    "CloseError": connection_lost_error,
    "ProtocolError": _protocol,
    "LocalProtocolError": _unsendable_request,
    "RemoteProtocolError": _protocol,
    "ProxyError": _proxy,
    "UnsupportedProtocol": _invalid_url,
    "DecodingError": decoding_error,
    "TooManyRedirects": _unknown_error,
    "HTTPStatusError": _unknown_error,
    "InvalidURL": _invalid_url,
    "CookieConflict": _unknown_error,
    "StreamError": _truncated_response,
    "StreamConsumed": _truncated_response,
    "StreamClosed": _truncated_response,
    "ResponseNotRead": _truncated_response,
    "RequestNotRead": _truncated_response,
    "UnicodeError": _unsendable_request,
}
