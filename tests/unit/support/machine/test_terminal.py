"""The screen of a terminal, which tests compare with documentation."""

from __future__ import annotations

import pytest

from support.machine.terminal import screen


@pytest.mark.parametrize(
    ("output", "screen_"),
    [
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("\x1b[1;32mgreen\x1b[0m\r\n", "green\n"),
        ("\x1b]8;;https://example.com\x07link\x1b]8;;\x07\r\n", "link\n"),
        ("10 %\r20 %\r100 %\r\n", "100 %\n"),
        ("longer\rab", "abnger"),
        ("longer\rab\x1b[K", "ab"),
        ("\x1b[?25l⠋ reading\r\x1b[2K⠙ reading\r\n\r\x1b[1A\x1b[2Kdone\r\n\x1b[?25h", "done\n"),
        ("a\r\nb\r\n\x1b[2A\x1b[2Kc", "c\nb\n"),
    ],
)
def test_overwritten_and_erased_text_is_not_on_the_screen(output, screen_):
    assert screen(output) == screen_
