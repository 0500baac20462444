"""Recorded results: they are used only while every input is as it was."""

from __future__ import annotations

import os
import time

import pytest

from envmgr.kit import result_cache
from envmgr.kit.environment import Environment
from envmgr.kit.paths import single_root
from envmgr.kit.result_cache import Result, Validity, directory_input, file_input

KEY = ("1.0", "/project", "install")
RESULT = Result("alpha 1.0.0 is already installed\n", "a note\n")


@pytest.fixture
def paths(tmp_path):
    return single_root(str(tmp_path / "home"))


@pytest.fixture
def input_file(tmp_path):
    """Return a file that was changed before the command started."""
    path = tmp_path / "input"
    path.write_text("one")
    return path


@pytest.fixture(autouse=True)
def now_ns(monkeypatch):
    """Stop the clock, and return its time."""
    stopped_at_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: stopped_at_ns)
    return stopped_at_ns


def run(paths, inputs, key=KEY, result=RESULT, *, later_s=0.0, expires_at=None):
    """Record the result of a run that starts some seconds later; return whether the next run may use it."""
    validity = Validity(time.time_ns() + int(later_s * 10**9), expires_at)
    return result_cache.record(paths, key, result, inputs, validity)


def record(paths, inputs, key=KEY, result=RESULT, expires_at=None):
    """Record the result of two runs, a while after each other."""
    run(paths, inputs, key, result, expires_at=expires_at)
    return run(paths, inputs, key, result, later_s=10, expires_at=expires_at)


def test_a_result_is_used_while_its_inputs_are_unchanged(paths, input_file, tmp_path):
    inputs = [
        file_input(str(input_file)),
        directory_input(str(tmp_path)),
        file_input(str(tmp_path / "absent")),
    ]
    (tmp_path / "home").mkdir()
    assert record(paths, inputs)
    assert result_cache.find(paths, KEY) == RESULT
    assert result_cache.find(paths, (*KEY, "--locked")) is None


def rewrite(path):
    path.write_text("another length, as both texts may be written in one tick of the clock")


def restore_time(path):
    status = os.stat(path)
    while os.stat(path).st_ctime_ns == status.st_ctime_ns:  # within one tick of the clock
        path.write_text("two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace_by_copy(path):
    status = os.stat(path)
    copy = path.with_name("copy")
    copy.write_text("two")
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    copy.rename(path)


def replace_by_directory(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "edit",
    [
        rewrite,
        restore_time,
        replace_by_copy,
        replace_by_directory,
        lambda path: path.unlink(),
        lambda path: path.chmod(0o400),
    ],
    ids=["rewritten", "time restored", "copied over", "directory", "removed", "mode"],
)
def test_a_changed_file_ends_a_result(paths, input_file, edit):
    assert record(paths, [file_input(str(input_file))])
    edit(input_file)
    assert result_cache.find(paths, KEY) is None


def test_a_file_that_appears_ends_a_result(paths, tmp_path):
    absent = tmp_path / "a" / "b"
    assert record(paths, [file_input(str(absent))])
    assert result_cache.find(paths, KEY) == RESULT
    absent.parent.mkdir()
    assert result_cache.find(paths, KEY) == RESULT
    absent.touch()
    assert result_cache.find(paths, KEY) is None


def test_a_name_that_appears_in_a_directory_ends_a_result(paths, tmp_path):
    directory = tmp_path / "directory"
    directory.mkdir()
    assert record(paths, [directory_input(str(directory))])
    (directory / "file").touch()
    assert result_cache.find(paths, KEY) is None


def test_a_directory_in_place_of_a_file_may_change(paths, tmp_path):
    """`~/.envmgr` may be envmgr's own directory."""
    directory = tmp_path / "directory"
    directory.mkdir()
    assert record(paths, [file_input(str(directory))])
    (directory / "file").touch()
    assert result_cache.find(paths, KEY) == RESULT


def test_a_result_is_used_when_a_second_run_has_confirmed_it(paths, input_file):
    inputs = [file_input(str(input_file))]
    assert not run(paths, inputs)
    assert result_cache.find(paths, KEY) is None
    assert run(paths, inputs, later_s=1)
    assert result_cache.find(paths, KEY) == RESULT


@pytest.mark.parametrize("edit", [rewrite, lambda path: path.unlink(), replace_by_directory])
def test_an_input_that_changes_during_a_command_confirms_nothing(paths, input_file, edit):
    """Its stamp at the end of a run is that of another content than the run has read."""
    inputs = [file_input(str(input_file))]
    for number in range(3):
        edit(input_file) if number == 1 else restore(input_file)
        assert not run(paths, inputs, later_s=10 * number)
        assert result_cache.find(paths, KEY) is None


def restore(path):
    if path.is_dir():
        path.rmdir()
    path.write_text("one")


def test_a_link_that_is_switched_during_a_command_ends_its_result(paths, input_file, tmp_path):
    (tmp_path / "other").write_text("two")
    link = tmp_path / "link"
    link.symlink_to(input_file)
    assert not run(paths, [file_input(str(link))])
    link.unlink()
    link.symlink_to(tmp_path / "other")
    assert not run(paths, [file_input(str(link))], later_s=10)
    assert result_cache.find(paths, KEY) is None


def test_a_result_that_differs_from_the_one_before_is_not_used(paths):
    assert not run(paths, [])
    assert not run(paths, [], result=Result("another\n"), later_s=10)
    assert result_cache.find(paths, KEY) is None
    assert run(paths, [], result=Result("another\n"), later_s=20)


def test_a_run_within_a_tick_of_the_one_before_confirms_nothing(paths, input_file):
    """An edit between them may have left the stamp as it was."""
    inputs = [file_input(str(input_file))]
    assert not run(paths, inputs)
    assert not run(paths, inputs)
    assert run(paths, inputs, later_s=0.1)


def test_a_run_that_started_before_the_other_ended_confirms_nothing(paths, input_file):
    inputs = [file_input(str(input_file))]
    assert not run(paths, inputs)
    assert not run(paths, inputs, later_s=-10)
    assert result_cache.find(paths, KEY) is None


def test_the_clock_of_a_file_system_may_count_whole_seconds(paths, input_file, monkeypatch):
    monkeypatch.setattr(result_cache, "_stamp_of", lambda _status, _kind: "98000000000 98000000000 3 1 1")
    inputs = [file_input(str(input_file))]
    assert not run(paths, inputs)
    assert not run(paths, inputs, later_s=1.5)
    assert run(paths, inputs, later_s=2.5)


def test_a_result_expires(paths, monkeypatch, now_ns):
    assert record(paths, [], expires_at=now_ns / 10**9 + 60)
    assert result_cache.find(paths, KEY) == RESULT
    monkeypatch.setattr(time, "time_ns", lambda: now_ns + 61 * 10**9)
    assert result_cache.find(paths, KEY) is None
    monkeypatch.setattr(time, "time_ns", lambda: now_ns - 3600 * 10**9)
    assert result_cache.find(paths, KEY) is None


def only_file(paths):
    (name,) = os.listdir(result_cache.directory_of(paths))
    return os.path.join(result_cache.directory_of(paths), name)


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:-1].rpartition(b"\0")[0],
        lambda content: bytes(len(content)),
        lambda content: content[:40] + bytes(40) + content[80:],
        lambda content: b"envmgr-result 3" + content[15:],
        lambda _: b"\xff" * 100,
        lambda content: content.replace(b"/project", b"/another"),
    ],
    ids=["empty", "cut off", "zeros", "some zeros", "newer format", "foreign", "another key"],
)
def test_a_damaged_file_is_ignored(paths, input_file, damage):
    assert record(paths, [file_input(str(input_file))])
    with open(only_file(paths), "r+b") as file:
        content = file.read()
        file.seek(0)
        file.truncate()
        file.write(damage(content))
    assert result_cache.find(paths, KEY) is None


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_a_file_with_an_incomplete_result_is_ignored(paths, count):
    assert record(paths, [])
    fields = [result_cache.FORMAT, str(3 + len(KEY) + count), str(len(KEY)), *KEY, *[""] * count]
    with open(only_file(paths), "wb") as file:
        file.write("\0".join(fields).encode())
    assert result_cache.find(paths, KEY) is None


def test_a_file_is_for_its_owner_only(paths):
    assert record(paths, [])
    assert os.stat(only_file(paths)).st_mode & 0o777 == 0o600


def test_text_of_file_names_in_other_encodings_is_recorded(paths):
    result = Result("caf\udce9 ü\n")
    assert record(paths, [], result=result)
    assert result_cache.find(paths, KEY) == result


@pytest.mark.parametrize("output", ["a\0b", "\ud800"])
def test_text_that_cannot_be_stored_is_not_recorded(paths, output):
    assert not record(paths, [], result=Result(output))


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "home").touch()
    assert not record(single_root(str(tmp_path / "home")), [])


def test_the_least_recently_used_results_are_removed(paths, monkeypatch):
    monkeypatch.setattr(result_cache, "MAX_RESULTS", 3)
    for number, age in (("1", 30), ("2", 20), ("3", 10)):
        assert record(paths, [], (*KEY, number))
        os.utime(result_cache._path_of(paths, (*KEY, number)), (time.time() - age,) * 2)
    assert result_cache.find(paths, (*KEY, "1")) == RESULT
    assert record(paths, [], (*KEY, "4"))
    recorded = [number for number in "1234" if result_cache.find(paths, (*KEY, number))]
    assert recorded == ["1", "3", "4"]


def key(variables, *words):
    return result_cache.key_of(Environment(variables, "/project"), words)


def test_a_key_has_the_variables_that_envmgr_reads():
    base = key({"HOME": "/h"}, "install")
    assert key({"HOME": "/h", "SHLVL": "2"}, "install") == base
    for name in ("ENVMGR_NODEJS_VERSION", "ENVMGR_MIRRORS", "XDG_DATA_HOME", "PATH"):
        assert key({"HOME": "/h", name: "1"}, "install") != base
    assert key({"HOME": "/h"}, "install", "--locked") != base


def test_a_key_has_the_user(monkeypatch):
    """Another user may not read or write the same files."""
    base = key({"HOME": "/h"}, "install")
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert key({"HOME": "/h"}, "install") != base


def test_a_key_has_the_installation_of_envmgr(monkeypatch):
    """A checkout and an installed package may have the same version and interpreter."""
    base = key({"HOME": "/h"}, "install")
    monkeypatch.setattr(result_cache, "__file__", "/checkout/src/envmgr/kit/result_cache.py")
    assert key({"HOME": "/h"}, "install") != base


def test_a_key_has_no_secrets():
    variables = {
        "ENVMGR_GITHUB_TOKEN": "secret",
        "ENVMGR_ALM_TOKEN": "secret",
        "ENVMGR_SIGNING_KEY": "secret",
        "PIP_PROXY": "user:secret@proxy.example:3128",
        "PIP_INDEX_URL": "https://user:secret@a.example/s",
    }
    assert "secret" not in " ".join(key(variables))


def test_a_secret_of_pip_is_in_keys_by_its_name():
    """Results that do not depend on it are recorded, and others are none with another value."""
    values = ["https://user:secret@a.example/s", "https://a.example/s", "https://b.example/s"]
    keys = {key({"PIP_INDEX_URL": value}) for value in values} | {key({})}
    assert len(keys) == 4
    assert result_cache.is_secret_of_pip("PIP_INDEX_URL", values[0])
    assert not result_cache.is_secret_of_pip("PIP_INDEX_URL", values[1])


@pytest.mark.parametrize(
    "mirrors",
    [
        "https://a.example=https://user:secret@b.example",
        "https://a.example=https://user:sec/ret@b.example/c",
        "https://a.example=user:secret@b.example",
        "https://a.example=https://b.example/?token=secret",
        "https://a.example=https://b.example/#secret",
    ],
)
def test_a_result_is_not_recorded_if_a_url_may_have_a_secret(paths, mirrors):
    for words, variables in (((), {"ENVMGR_MIRRORS": mirrors}), ((mirrors,), {})):
        assert not record(paths, [], key(variables, *words))
        assert result_cache.find(paths, key(variables, *words)) is None
    assert not os.path.exists(result_cache.directory_of(paths))


def test_a_result_is_recorded_with_urls_that_have_no_secret(paths):
    mirrors = key({"ENVMGR_MIRRORS": "https://a.example=https://b.example/c", "PATH": "/opt/python@3/bin"})
    assert record(paths, [], mirrors)
    assert result_cache.find(paths, mirrors) == RESULT
