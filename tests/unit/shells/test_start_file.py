"""The line in a start file: removing it restores the file exactly."""

from __future__ import annotations

import pytest

from envmgr.shells.activation import start_file

LINE = 'eval "$(envmgr activate bash)"'
CONTENTS = [None, b"", b"\n", b"alias x=y", b"alias x=y\n", b"a\r\nb\r\n", b"\xff\xfe\n", b"a\n\n"]


@pytest.mark.parametrize("content", CONTENTS)
def test_removing_the_line_restores_the_file(content):
    added = start_file.add_line(content, LINE)
    assert start_file.has_line(added, LINE)
    assert start_file.remove_line(added, LINE) == content


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_appended_later_is_a_line_of_its_own_and_stays(content):
    added = start_file.add_line(content, LINE) + b"later\n"
    assert b"\nlater\n" in added
    removed = start_file.remove_line(added, LINE)
    assert removed.replace(b"later\n", b"").rstrip(b"\n") == (content or b"").rstrip(b"\n")


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (b"", None),
        (b'# eval "$(envmgr activate bash)"\n', None),
        (b'x\n[ -t 0 ] && eval "$(~/bin/envmgr activate bash)"\n', 2),
        (b'eval "$(envmgr activate zsh)"\n', None),
    ],
)
def test_a_line_written_by_hand_is_found(content, number):
    assert start_file.find_activation(content, "bash") == number
