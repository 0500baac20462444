"""Log records of gRPC for calls whose connection broke: one warning; all others stay."""

from __future__ import annotations

import logging

import pytest
from grpc._cython import cygrpc

from envmgr.server.kit.grpc.broken_calls import BROKEN_CALL_EVENT, shorten_broken_calls


def log_error(name, error):
    """Log an error as the library does."""
    try:
        raise error
    except type(error):
        logging.getLogger(name).exception("Unexpected %s in %s", type(error).__name__, "/a.Service/Call")


@pytest.fixture(autouse=True)
def shortened():
    """Shorten the records twice, as two servers of a process do."""
    shorten_broken_calls()
    shorten_broken_calls()


@pytest.mark.parametrize("name", ["grpc._cython.cygrpc", "asyncio"])
def test_a_broken_call_is_one_warning_without_a_traceback(caplog, name):
    log_error(name, cygrpc.ExecuteBatchError('Failed "execute_batch": (<SendMessageOperation>,)'))
    (record,) = caplog.records
    assert (record.levelno, record.getMessage(), record.exc_info) == (
        logging.WARNING,
        BROKEN_CALL_EVENT,
        None,
    )


@pytest.mark.parametrize("error", [ValueError("a bug"), cygrpc.UsageError("a bug")])
def test_any_other_error_keeps_its_traceback(caplog, error):
    log_error("grpc._cython.cygrpc", error)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info[1] is error
