from __future__ import annotations

import pytest

from envmgr.cli.options import Options
from envmgr.cli.output import progress_bars
from envmgr.cli.output.progress import ClosableProgress, ProgressLog, show_progress
from envmgr.cli.output.progress_bars import ProgressBars
from envmgr.cli.output.style import Style
from envmgr.kit.progress import NullProgress
from support.waiting import wait_until

PLAIN = Style(colour=False)


def test_a_log_has_a_line_for_each_long_step(capsys):
    watcher = ProgressLog()
    watcher.step("nodejs 24", "resolving")
    watcher.step("nodejs 24.1.0", "downloading", 3 * 1024**2)
    watcher.advance("nodejs 24.1.0", 100)
    watcher.step("nodejs 24.1.0", "running the install script")
    watcher.done("nodejs 24.1.0", "installed")
    watcher.debug("GET nothing")
    assert capsys.readouterr().err.split("\n") == [
        "nodejs 24.1.0: downloading (3.0 MiB)",
        "nodejs 24.1.0: running the install script",
        "",
    ]


def test_a_verbose_log_has_every_step(capsys):
    watcher = ProgressLog(verbose=True)
    watcher.step("nodejs 24", "resolving")
    watcher.done("nodejs 24", "is 24.1.0")
    watcher.debug("GET something")
    assert capsys.readouterr().err == "nodejs 24: resolving\nnodejs 24: is 24.1.0\nGET something\n"


def test_a_short_task_is_not_drawn(capsys, monkeypatch):
    monkeypatch.setattr(progress_bars, "DISPLAY_DELAY_SECONDS", 60)  # longer than the machine may stop here
    watcher = ProgressBars(PLAIN)
    watcher.step("nodejs 24", "resolving")
    timer = watcher._timer
    watcher.done("nodejs 24", "is 24.1.0")
    timer.join(30)
    assert not timer.is_alive()
    assert capsys.readouterr() == ("", "")


def test_a_long_task_is_drawn_until_the_last_one_ends(capsys):
    watcher = ProgressBars(PLAIN)
    watcher.step("nodejs 24", "downloading", 1024)
    wait_until(lambda: watcher._live)
    watcher.advance("nodejs 24", 512)
    assert "512/1024 B" in watcher._render_frame(60).plain or "0.5/1.0 KiB" in watcher._render_frame(60).plain
    watcher.message("a warning")
    watcher.debug("a detail")
    watcher.done("nodejs 24", "installed")
    assert watcher._live is None
    error = capsys.readouterr().err
    assert "a warning" in error
    assert "a detail" not in error


def test_an_unfinished_step_ends_with_the_progress(capsys):
    watcher = ProgressBars(PLAIN, verbose=True)
    watcher.step("nodejs 24", "downloading")
    watcher.debug("a detail")
    watcher.close()
    assert watcher._timer is None
    assert capsys.readouterr().err == "a detail\n"


@pytest.mark.parametrize("options", [Options(quiet=True), Options(json=True)])
def test_quiet_mode_prints_no_progress(options):
    with show_progress(options) as watcher:
        assert isinstance(watcher, NullProgress)


def test_details_are_printed_beside_a_json_document(capsys):
    with show_progress(Options(json=True, verbose=True)) as watcher:
        watcher.debug("GET something")
    assert capsys.readouterr() == ("", "GET something\n")


def test_a_note_is_printed_once(capsys):
    with show_progress(Options()) as watcher:
        for message in ("no digests", "no digests", "try again", "no digests"):
            watcher.message(message)
    assert capsys.readouterr().err == "no digests\ntry again\n"


def test_progress_after_the_end_is_not_printed(capsys):
    with show_progress(Options(verbose=True)) as watcher:
        watcher.message("before")
    watcher.step("nodejs 24.1.0", "downloading")
    watcher.advance("nodejs 24.1.0", 1)
    watcher.message("after")
    watcher.debug("GET something")
    watcher.done("nodejs 24.1.0", "installed")
    assert capsys.readouterr().err == "before\n"


def test_nothing_is_drawn_after_close(capsys):
    bars = ProgressBars(PLAIN)
    gate = ClosableProgress(bars)
    gate.close()
    gate.step("nodejs 24.1.0", "downloading", 3)
    assert bars._timer is None
    assert capsys.readouterr() == ("", "")
