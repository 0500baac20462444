"""Atomic file operations, and errors that name the path."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import textwrap
import threading

import pytest

from envmgr.kit import fs
from envmgr.kit.errors import LockfileError, StorageError

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="modes and links are POSIX's")


DROP_PRIVILEGES = """
import os, shutil, tempfile
from envmgr.kit import errors, fs
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""


def run_unprivileged(code: str) -> str:
    """Run code in a process subject to permissions, even if the tests run as root."""
    source = f"import sys; sys.path[:0] = {sys.path!r}\n{DROP_PRIVILEGES}{textwrap.dedent(code)}"
    command = [sys.executable, "-I", "-c", source]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free some disk space"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "ownership"),
        (errno.EDQUOT, "quota"),
    ],
)
def test_system_errors_have_the_path_and_a_hint(number, words):
    error = fs.storage_error(OSError(number, "x"), "/some/dir")
    assert error.message.startswith("cannot write /some/dir: ")
    assert words in str(error.hint)


def test_an_error_without_a_number_keeps_its_text():
    assert fs.storage_error(OSError("odd"), "/d").message == "cannot write /d: odd"
    assert fs.storage_error(OSError("odd"), "/d").hint is None


def test_other_exceptions_are_not_translated():
    with pytest.raises(StorageError, match=r"cannot write /d: No space"), fs.storage_errors("/d"):
        raise OSError(errno.ENOSPC, "x")
    with pytest.raises(LockfileError), fs.storage_errors("/d"):
        raise LockfileError("x")
    with pytest.raises(KeyError), fs.storage_errors("/d"):
        raise KeyError


def test_directories_are_created_with_their_parents(tmp_path):
    directory = fs.make_dir(str(tmp_path / "a" / "b"))
    assert os.path.isdir(directory)
    assert fs.make_dir(directory) == directory


def test_a_directory_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        fs.make_dir(str(tmp_path / "file" / "x"))


def test_reading_a_missing_file_returns_none(tmp_path):
    (tmp_path / "file").write_text("")
    for missing in ("nothing", "file/below"):
        assert fs.read_text(str(tmp_path / missing)) is None
        assert fs.read_bytes(str(tmp_path / missing)) is None


def test_text_is_read_with_line_feeds_only(tmp_path):
    (tmp_path / "f").write_bytes("é\r\nb\rc\n".encode())
    assert fs.read_text(str(tmp_path / "f")) == "é\nb\nc\n"


def test_a_file_is_read_up_to_the_limit(tmp_path):
    (tmp_path / "f").write_bytes(b"abcdef")
    assert fs.read_bytes(str(tmp_path / "f"), 3) == b"abc"


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(StorageError, match="cannot read"):
        fs.read_text(str(tmp_path))
    (tmp_path / "f").write_bytes(b"ab\xff")
    with pytest.raises(StorageError, match="invalid UTF-8 at byte 3"):
        fs.read_text(str(tmp_path / "f"))


def test_a_file_is_replaced_atomically_without_leftovers(tmp_path):
    path = tmp_path / "sub" / "f"
    fs.write_atomic(str(path), "one")
    fs.write_atomic(str(path), b"two\n")
    assert path.read_bytes() == b"two\n"
    assert os.listdir(path.parent) == ["f"]


def test_line_feeds_and_undecodable_names_are_written_unchanged(tmp_path):
    fs.write_atomic(str(tmp_path / "f"), "a\n" + os.fsdecode(b"\xff"))
    assert (tmp_path / "f").read_bytes() == b"a\n\xff"


@posix_only
def test_a_mode_may_be_passed(tmp_path):
    fs.write_atomic(str(tmp_path / "f"), "x", 0o700)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o700


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "keep").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        fs.write_atomic(str(tmp_path / "d"), "x")  # a directory cannot be replaced by a file
    assert sorted(os.listdir(tmp_path)) == ["d"]
    with pytest.raises(UnicodeEncodeError):
        fs.write_atomic(str(tmp_path / "d" / "keep"), "\ud800")
    assert os.listdir(tmp_path / "d") == ["keep"]


def test_concurrent_writes_leave_one_complete_text(tmp_path):
    path = str(tmp_path / "f")
    texts = [f"{n}" * 10_000 for n in range(8)]
    threads = [threading.Thread(target=fs.write_atomic, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fs.read_text(path) in texts
    assert os.listdir(tmp_path) == ["f"]


def test_a_file_with_the_same_text_is_not_rewritten(tmp_path):
    path = tmp_path / "f"
    assert fs.write_if_changed(str(path), "x")
    before = path.stat()
    assert not fs.write_if_changed(str(path), "x")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert fs.write_if_changed(str(path), "y")


@posix_only
def test_a_user_file_keeps_its_mode_and_links(tmp_path):
    real = tmp_path / "dotfiles" / "envmgr"
    real.parent.mkdir()
    real.write_text("a")
    real.chmod(0o666)  # more than the umask leaves
    link = tmp_path / "link"
    link.symlink_to(real)
    assert fs.write_in_place(str(link), "b")
    assert link.is_symlink()
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == ("b", 0o666)
    assert not fs.write_in_place(str(link), "b")


def test_a_new_user_file_is_created(tmp_path):
    assert fs.write_in_place(str(tmp_path / "f"), "b")
    assert (tmp_path / "f").read_text() == "b"


@posix_only
def test_a_dangling_link_is_written_through(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "f")
    with fs.replace_file(str(link)) as file:
        file.write(b"x")
    assert link.is_symlink()
    assert (tmp_path / "real" / "f").read_text() == "x"
    assert os.listdir(tmp_path / "real") == ["f"]


@posix_only
def test_a_circular_link_is_an_error_and_stays(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(StorageError, match=f"cannot write {re.escape(str(link))}: Too many"):
        fs.write_in_place(str(link), "x")
    assert link.is_symlink()


@posix_only
@pytest.mark.parametrize("through_link", [False, True])
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path, through_link):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert fs.write_in_place(str(link if through_link else pipe), "x")
        assert os.read(reader, 10) == b"x"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


@posix_only
def test_a_closed_pipe_is_an_error(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def leave_and_write():
        with fs.replace_file(str(pipe)) as file:
            os.close(reader)
            file.write(b"x")

    with pytest.raises(StorageError, match="Broken pipe"):
        leave_and_write()
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_failed_overwrite_restores_the_old_content(tmp_path):
    path = tmp_path / "f"
    path.write_text("old")

    def break_off():
        with fs.replace_file(str(path)) as file:
            file.write(b"new")
            raise LockfileError("something else went wrong")

    with pytest.raises(LockfileError):
        break_off()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["f"]


@posix_only
def test_an_unwritable_user_file_is_named_without_internal_paths():
    output = run_unprivileged("""
        try:
            fs.write_in_place("/kept.json", "x")
        except errors.StorageError as error:
            print(error.message, error.hint, sep="|")
    """)
    message, hint = output.strip().split("|")
    assert message.startswith("cannot write /kept.json: ")
    assert "ENVMGR_HOME" not in hint


def test_a_tree_is_removed_and_a_missing_one_is_ignored(tmp_path):
    (tmp_path / "t" / "a").mkdir(parents=True)
    (tmp_path / "t" / "a" / "f").write_text("")
    for _ in range(2):
        fs.remove_tree(str(tmp_path / "t"))
        assert os.listdir(tmp_path) == []


@posix_only
def test_removing_a_link_keeps_its_target(tmp_path):
    (tmp_path / "real").mkdir()
    for name, target in (("link", "real"), ("dangling", "nothing")):
        (tmp_path / name).symlink_to(target)
        fs.remove_tree(str(tmp_path / name))
    assert os.listdir(tmp_path) == ["real"]


def test_a_file_is_removed(tmp_path):
    (tmp_path / "f").write_text("")
    fs.remove_tree(str(tmp_path / "f"))
    assert os.listdir(tmp_path) == []


@posix_only
def test_read_only_directories_are_removed_without_following_links():
    output = run_unprivileged(
        """
        base = tempfile.mkdtemp()
        outside, tree = os.path.join(base, "outside"), os.path.join(base, "tree")
        os.makedirs(os.path.join(tree, "a", "b"))
        os.mkdir(outside)
        os.chmod(outside, 0o500)
        open(os.path.join(tree, "a", "b", "f"), "w").close()
        os.symlink(outside, os.path.join(tree, "a", "link"))
        for directory in ("a/b", "a", "."):
            os.chmod(os.path.join(tree, directory), 0o500)
        fs.remove_tree(tree)
        print(os.path.exists(tree), oct(os.stat(outside).st_mode & 0o777))
        os.rmdir(outside)
        os.rmdir(base)
        """,
    )
    assert output.split() == ["False", "0o500"]


@posix_only
def test_a_tree_that_cannot_be_removed_is_named():
    output = run_unprivileged(
        """
        base = tempfile.mkdtemp()
        os.mkdir(os.path.join(base, "tree"))
        os.chmod(base, 0o500)
        try:
            fs.remove_tree(os.path.join(base, "tree"))
        except errors.StorageError as error:
            print(error.message.endswith(os.path.join(base, "tree") + ": Permission denied"))
        os.chmod(base, 0o700)
        os.rmdir(os.path.join(base, "tree"))
        os.rmdir(base)
        """,
    )
    assert output.split() == ["True"]


def test_a_file_that_powershell_redirected_is_read(tmp_path):
    (tmp_path / "f").write_bytes("é=1\r\n".encode("utf-16"))
    assert fs.read_text(str(tmp_path / "f")) == "é=1\n"
