from __future__ import annotations

import json
import logging
import os

import pytest

from envmgr.server.kit.telemetry import logs


@pytest.fixture
def read(monkeypatch):
    """Return a function that creates a log, writes to it, and returns the lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    ends = os.pipe()
    monkeypatch.setattr(logs, "STDERR_FD", ends[1])

    def lines(level, say):
        say(logs.create_logger(level))
        os.close(ends[1])
        with open(ends[0], encoding="utf-8") as file:
            return file.read().splitlines()

    yield lines
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_one_json_document_with_time_level_and_event(read):
    (line,) = read("info", lambda log: log.info("request", status=200, path="/apps"))
    result = json.loads(line)
    assert list(result)[:3] == ["timestamp", "level", "event"]
    assert result["timestamp"].endswith("Z")
    assert result | {"level": "info", "event": "request", "status": 200, "path": "/apps"} == result


def test_records_below_the_level_are_not_logged(read):
    def say(log):
        log.debug("no")
        log.info("no")
        log.warning("yes")

    assert [json.loads(line)["event"] for line in read("warning", say)] == ["yes"]


def divide(secret):
    return len(secret) / 0


def test_a_logged_exception_has_a_traceback_without_values(read):
    with pytest.raises(ZeroDivisionError) as caught:
        divide("hunter" + str(2))
    (line,) = read("info", lambda log: log.error("unhandled_exception", exc_info=caught.value))
    assert "ZeroDivisionError: division by zero" in json.loads(line)["exception"]
    assert "hunter2" not in line


def test_lines_cannot_be_forged(read):
    (line,) = read(
        "info", lambda log: log.info("request", path='/a\n{"event":"forged"}', odd=object, bytes=b"\xff")
    )
    assert json.loads(line)["path"] == '/a\n{"event":"forged"}'


def test_warnings_of_libraries_are_logged(read):
    def say(_log):
        logging.getLogger("uvicorn.error").info("not this")
        logging.getLogger("uvicorn.error").warning("something of %s", "theirs")

    (line,) = read("debug", say)
    assert json.loads(line) | {"event": "something of theirs", "library": "uvicorn.error"} == json.loads(line)


def test_a_closed_log_stream_does_not_stop_the_server(monkeypatch):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"lost")
    monkeypatch.setattr(logs, "STDERR_FD", writing)
    logs.create_logger("info").info("into the void")
    os.close(writing)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("text", "escaped"), [("/apps/ü", "/apps/ü"), ("/a\x1b[2J", r"'/a\x1b[2J'"), ("/a\n", r"'/a\n'")]
)
def test_terminal_control_characters_are_escaped(text, escaped):
    assert logs.printable(text) == escaped
