"""Files of shims on Windows."""

from __future__ import annotations

import errno
import os

import pytest

from envmgr.kit import data_files
from envmgr.shells import shim, shim_marker, windows_shim
from envmgr.shells.shim import START, ShimContext

HOME = r"C:\Users\Ana\.envmgr"
PROGRAM = b"MZ envmgr shim ("


def context(home=HOME, python=r"C:\Python\python.exe", site=r"C:\site"):
    return ShimContext(home, rf"{home}\plans", rf"{home}\shims", python, site)


def batch(values):
    return windows_shim.files(values, ["node"], None)["node.bat"].decode()


def test_without_a_program_there_is_a_batch_file_with_crlf():
    (batch_file,) = windows_shim.files(context(), ["node"], None).values()
    assert batch_file.count(b"\r\n") == batch_file.count(b"\n")
    assert b'exec --shim "node" -- %*' in batch_file


def test_each_command_has_a_batch_file_and_a_program_and_all_share_a_target():
    files = windows_shim.files(context(), ["node", "npm"], PROGRAM)
    assert set(files) == {"node.bat", "node.exe", "npm.bat", "npm.exe", windows_shim.TARGET}
    assert files["npm.exe"] == PROGRAM
    assert files[windows_shim.TARGET].decode().splitlines()[1:] == [
        HOME,
        r"C:\Python\python.exe",
        r"C:\site",
        START,
    ]


def test_without_commands_there_are_no_files():
    assert windows_shim.files(context(), [], PROGRAM) == {}


def test_all_files_are_recognized_as_shims(tmp_path):
    for name, content in windows_shim.files(context(), ["node"], PROGRAM).items():
        (tmp_path / name).write_bytes(content)
        assert shim_marker.is_shim(str(tmp_path / name))


@pytest.mark.parametrize(
    ("path", "embedded"),
    [
        (r"C:\100% sure\python.exe", r"C:\100%% sure\python.exe"),
        (r"C:\Users\Zoë\x\python.exe", r"%~dp0..\..\x\python.exe"),
        (r"c:\Users\Zoë\50%\python.exe", r"%~dp0..\..\50%%\python.exe"),
        (r"C:\Users\Other\ü\python.exe", r"C:\Users\Other\ü\python.exe"),
        (r"D:\Zoë\python.exe", r"D:\Zoë\python.exe"),
    ],
)
def test_a_path_that_is_not_ascii_is_relative_to_the_shim_where_that_is(path, embedded):
    text = batch(context(home=r"C:\Users\Zoë\.envmgr", python=path))
    assert f'if exist "{embedded}"' in text
    assert 'set "ENVMGR_HOME=%~dp0.."' in text


def test_a_character_that_no_code_page_has_does_not_fail():
    assert "?" in batch(context(python="D:\\\udc80\\python.exe"))


def test_a_program_is_read_for_architectures_that_have_it(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "directory", lambda _: str(tmp_path))
    (tmp_path / "windows-x64.exe").write_bytes(PROGRAM)
    assert windows_shim.read_program("x64") == PROGRAM
    assert windows_shim.read_program("x86") is None


@pytest.fixture
def shims(tmp_path):
    """Return a directory with shims of `node`, whose program runs."""
    shim.rewrite(str(tmp_path), windows_shim.files(context(), ["node"], PROGRAM))
    return tmp_path


@pytest.fixture
def running(shims, monkeypatch):
    """Refuse to replace and to delete the program `node.exe`, as Windows does while it runs."""
    program = (shims / "node.exe").stat().st_ino
    replace, unlink = os.replace, os.unlink

    def refuse(path):
        if os.path.exists(path) and os.stat(path).st_ino == program:
            raise PermissionError(errno.EACCES, "Permission denied")

    def replace_unless_running(source, target):
        refuse(target)
        replace(source, target)

    def unlink_unless_running(path):
        refuse(path)
        unlink(path)

    monkeypatch.setattr(os, "replace", replace_unless_running)
    monkeypatch.setattr(os, "unlink", unlink_unless_running)


@pytest.mark.usefixtures("running")
def test_a_program_that_runs_is_replaced(shims):
    changed = windows_shim.files(context(), ["node"], PROGRAM + b"2")
    assert shim.rewrite(str(shims), changed).missing == ("node.exe",)
    assert (shims / "node.exe").read_bytes() == PROGRAM + b"2"
    (leftover,) = shims.glob(".node.exe.*.tmp")
    assert leftover.read_bytes() == PROGRAM


@pytest.mark.usefixtures("running")
def test_a_program_that_runs_is_removed(shims):
    shim.rewrite(str(shims), {})
    (leftover,) = shims.iterdir()
    assert leftover.name.endswith(".tmp")


def test_the_leftover_of_a_program_that_has_ended_is_deleted(shims):
    (shims / "node.exe").rename(shims / ".node.exe.1.1.tmp")
    shim.rewrite(str(shims), {})
    assert list(shims.iterdir()) == []


def test_on_a_file_system_without_case_a_spelling_is_no_other_shim(shims, monkeypatch):
    (shims / "node.exe").rename(shims / "Node.exe")
    monkeypatch.setattr(os.path, "normcase", str.lower)
    difference = shim.compare(str(shims), windows_shim.files(context(), ["node"], PROGRAM))
    assert "Node.exe" not in difference.stale
