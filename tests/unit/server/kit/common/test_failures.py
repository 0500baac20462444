"""Descriptions of errors for log events."""

from envmgr.server.kit.common.failures import describe, summarize
from envmgr.server.kit.db.sql import DamagedDatabase


def test_an_error_has_its_type_and_its_message():
    assert describe(ValueError("no number")) == "ValueError: no number"


def test_an_error_has_its_hint():
    text = describe(DamagedDatabase("/srv/alm/app.db", "malformed page 7"))
    assert text.startswith(
        "DamagedDatabase: database /srv/alm/app.db is damaged: malformed page 7; stop the server"
    )
    assert "restore" in text


def test_a_group_is_described_by_its_first_error():
    assert describe(ExceptionGroup("two", [KeyError("a"), ValueError("b")])) == "KeyError: 'a'"


def test_an_error_without_a_message_is_its_type_alone():
    assert describe(TimeoutError()) == "TimeoutError"
    assert describe(ExceptionGroup("one", [ExceptionGroup("inner", [TimeoutError()])])) == "TimeoutError"


def test_a_summary_has_the_type_only_without_a_message():
    assert summarize(OSError("connection refused")) == "connection refused"
    assert summarize(TimeoutError()) == "TimeoutError"
