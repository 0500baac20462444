"""Nobody needs to watch."""

from __future__ import annotations

from envmgr.kit.progress import Progress, Silent


def test_silence_takes_everything():
    watcher: Progress = Silent()
    answers = [
        watcher.step("a", "downloading", 3),
        watcher.advance("a", 1),
        watcher.note("b"),
        watcher.done("a", "installed"),
    ]
    assert answers == [None] * 4


def test_silence_has_every_method_of_a_watcher():
    methods = {name for name in vars(Progress) if not name.startswith("_")}
    assert methods == {name for name in vars(Silent) if not name.startswith("_")}
