"""Progress that reports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.progress import NullProgress

if TYPE_CHECKING:
    from envmgr.kit.progress import Progress


def test_silent_progress_accepts_every_call():
    watcher: Progress = NullProgress()
    responses = [
        watcher.step("a", "downloading", 3),
        watcher.advance("a", 1),
        watcher.message("b"),
        watcher.done("a", "installed"),
    ]
    assert responses == [None] * 4
