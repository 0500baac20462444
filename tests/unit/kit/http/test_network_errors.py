"""Every exception of the HTTP library has a clear message."""

from __future__ import annotations

import errno
import socket
import ssl

import httpx
import pytest

from envmgr.kit.errors import IncompleteDownload, NetworkError
from envmgr.kit.http import network_errors

DIRECT = network_errors.RequestAttempt("https://me:secret@nodejs.org/dist?token=hidden", 30.0)
PROXIED = network_errors.RequestAttempt("https://nodejs.org/dist", 30.0, "http://me:secret@proxy.corp:3128")
EXCEPTIONS = sorted(
    {
        kind
        for kind in vars(httpx).values()
        if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, Warning)
    },
    key=lambda kind: kind.__name__,
)


def make_error(kind, text="why"):
    error = kind.__new__(kind)
    Exception.__init__(error, text)
    return error


def with_cause(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("attempt", [DIRECT, PROXIED], ids=["direct", "proxied"])
def test_every_exception_is_mapped_without_secrets(kind, attempt):
    assert kind.__name__ in network_errors.ERROR_MAP
    error = network_errors.to_network_error(make_error(kind), attempt)
    assert isinstance(error, NetworkError)
    assert "secret" not in error.message
    assert "hidden" not in error.message
    assert "nodejs.org" in error.message or "proxy.corp" in error.message


def test_there_are_exceptions_to_map():
    assert len(EXCEPTIONS) > 20


def test_a_subclass_is_mapped_as_its_base():
    class Newer(httpx.ReadTimeout):
        pass

    assert "stalled" in network_errors.to_network_error(make_error(Newer), DIRECT).message


@pytest.mark.parametrize(
    ("cause", "message", "passing"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "x"),
            "cannot reach nodejs.org: connection refused",
            False,
        ),
        (OSError(errno.ENETUNREACH, "x"), "cannot reach nodejs.org: network is unreachable", False),
        (OSError(errno.EMFILE, "x"), "cannot reach nodejs.org: too many open files", True),
        (socket.gaierror(socket.EAI_NONAME, "x"), "cannot resolve nodejs.org: unknown host", False),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "cannot resolve nodejs.org: no answer from DNS", False),
        (ssl.SSLEOFError(8, "EOF"), "TLS handshake with nodejs.org failed: ", True),
        (ssl.SSLError(1, "odd"), "TLS handshake with nodejs.org failed: ", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_failed_connection_has_its_cause(cause, message, passing):
    error = network_errors.to_network_error(
        with_cause(httpx.ConnectError("x"), with_cause(RuntimeError(), cause)), DIRECT
    )
    assert error.message.startswith(message)
    assert error.passing is passing


def test_a_failed_connection_to_a_proxy_names_the_proxy():
    cause = ConnectionRefusedError(errno.ECONNREFUSED, "x")
    error = network_errors.to_network_error(with_cause(httpx.ConnectError("x"), cause), PROXIED)
    assert error.message == "cannot reach the proxy proxy.corp:3128: connection refused"


def test_an_untrusted_certificate_behind_a_proxy_names_the_host():
    cause = ssl.SSLCertVerificationError(1, "x")
    cause.verify_message = "self-signed certificate"
    error = network_errors.to_network_error(with_cause(httpx.ConnectError("x"), cause), PROXIED)
    assert error.message == "TLS certificate verification failed for nodejs.org: self-signed certificate"
    assert "SSL_CERT_FILE" in error.hint


def test_an_incomplete_body_is_an_incomplete_download():
    text = "peer closed connection without sending complete message body (received 1 bytes, expected 2)"
    error = network_errors.to_network_error(httpx.RemoteProtocolError(text), DIRECT)
    assert (type(error), error.passing) == (IncompleteDownload, True)


def test_a_broken_connection_has_its_cause():
    cause = ConnectionResetError(errno.ECONNRESET, "x")
    error = network_errors.to_network_error(with_cause(httpx.ReadError(""), cause), DIRECT)
    assert error.message == "connection to nodejs.org lost: connection reset by peer"
    assert network_errors.to_network_error(httpx.ReadError("odd"), DIRECT).message.endswith("odd")


def test_an_unknown_exception_becomes_an_envmgr_error():
    assert network_errors.to_network_error(RuntimeError("odd"), DIRECT).message.endswith("failed: odd")
    assert network_errors.to_network_error(RuntimeError(), DIRECT).message.endswith("failed: RuntimeError")
