"""Errors of paths that are too long for Windows have a hint."""

from __future__ import annotations

import errno
import ntpath

import pytest

from envmgr.kit.windows import long_paths

SHORT, LONG = "C:\\x", ntpath.join("C:\\", *["d" * 50] * 6)


def error(*paths):
    first, second = (*paths, None, None)[:2]
    return OSError(errno.ENOENT, "No such file or directory", first, None, second)


@pytest.mark.parametrize("paths", [(LONG,), (SHORT, LONG)])
def test_a_long_path_has_a_hint(paths):
    assert "LongPathsEnabled" in long_paths.hint(error(*paths))


@pytest.mark.parametrize("paths", [(), (SHORT,), (3,)])
def test_other_errors_have_none(paths):
    assert long_paths.hint(error(*paths)) is None
