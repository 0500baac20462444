from __future__ import annotations

from pathlib import Path

from envmgr.cli import crash_log


def test_a_crash_log_has_the_command_line_without_tokens(monkeypatch):
    args = ["envmgr", "alm", "push", "--token", "s3cret", "--app", "shop", "--token=s3cret"]
    monkeypatch.setattr("sys.argv", args)
    text = Path(crash_log.log(ValueError("odd"))).read_text()
    assert "s3cret" not in text
    assert "'--app', 'shop'" in text


def test_a_log_can_hold_any_character(monkeypatch):
    monkeypatch.setattr("sys.argv", ["envmgr", "n\udcf6pe"])
    text = Path(crash_log.log(ValueError("odd \ud800 \udcf6"))).read_text()
    assert "odd \\ud800 \\udcf6" in text
