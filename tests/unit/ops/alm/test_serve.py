"""`envmgr alm serve` becomes the server's process, or reports what is missing."""

from __future__ import annotations

import sys

import pytest

from envmgr.kit.environment import Environment
from envmgr.kit.errors import AlmError, UsageError
from envmgr.kit.paths import single_root
from envmgr.kit.platform import parse
from envmgr.ops.alm import serve
from envmgr.ops.alm.serve import ServeOptions, command_line
from envmgr.resolve.context import Context


@pytest.fixture
def context(tmp_path):
    environment = Environment({"HOME": str(tmp_path / "home")}, str(tmp_path / "here"))
    return Context(environment, single_root(str(tmp_path)), parse("linux-x64"))


def test_unset_options_are_left_to_the_server(context):
    assert command_line(context, ServeOptions()) == [sys.executable, "-m", "envmgr.server", "serve", "all"]


def test_set_options_are_passed_on_with_an_absolute_directory(context, tmp_path):
    line = command_line(context, ServeOptions("0.0.0.0", 0, "../data", "debug", True))
    assert line[5:] == [
        *("--host", "0.0.0.0"),
        *("--port", "0"),
        *("--data-dir", str(tmp_path / "data")),
        *("--log-level", "debug"),
        "--require-if-match",
    ]
    assert command_line(context, ServeOptions(data_dir="~/data"))[-1] == str(tmp_path / "home" / "data")


def test_an_empty_directory_is_not_the_current_directory(context):
    with pytest.raises(UsageError, match="empty --data-dir"):
        command_line(context, ServeOptions(data_dir=""))


def test_without_the_server_extra_the_error_shows_how_to_install_it(context, monkeypatch):
    monkeypatch.setattr(serve, "REQUIRED_MODULES", ("json", "no_such_part"))
    with pytest.raises(AlmError, match="missing no_such_part") as caught:
        command_line(context, ServeOptions())
    assert "pipx install --force 'envmgr-toolchain[server]" in (caught.value.hint or "")
