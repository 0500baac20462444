"""Progress that reports nothing."""

from __future__ import annotations

from envmgr.kit.progress import NullProgress, Progress


def test_silent_progress_accepts_every_call():
    watcher: Progress = NullProgress()
    responses = [
        watcher.step("a", "downloading", 3),
        watcher.advance("a", 1),
        watcher.message("b"),
        watcher.done("a", "installed"),
    ]
    assert responses == [None] * 4


def test_silent_progress_has_every_method_of_progress():
    methods = {name for name in vars(Progress) if not name.startswith("_")}
    assert methods == {name for name in vars(NullProgress) if not name.startswith("_")}
