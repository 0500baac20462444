"""Whole installations, from an archive on disk to a tree with a receipt."""

from __future__ import annotations

import io
import os
import pathlib
import subprocess
import sys
import threading
import zipfile

import pytest

from envmgr.catalog.layout import Layout
from envmgr.install import fsync, installer, store
from envmgr.install.archive import extract
from envmgr.install.download.download import Download
from envmgr.install.install_job import InstallJob
from envmgr.kit.errors import BadArchive, ScriptError, StorageError, UnsafeArchive, UntrustedScript
from envmgr.kit.file_locks import file_lock
from envmgr.kit.paths import single_root
from envmgr.kit.platform import Platform
from envmgr.kit.progress import NullProgress
from envmgr.lockformat.model import Artifact
from support.archives.archive_builder import compress, program, tar, zipped
from support.machine.windows_renames import OPEN, RUNNING, refuse_renames
from support.waiting import wait_until

LINUX = Platform("linux", "x64", "gnu")
unix = pytest.mark.skipif(sys.platform == "win32", reason="sh")


class Fetched:
    """Replaces the download with a file that exists, and counts the calls."""

    def __init__(self, path):
        self.path = str(path)
        self.calls = 0

    def __call__(self, artifact, **_):
        self.calls += 1
        return Download(self.path, "5" * 64, os.path.getsize(self.path), from_cache=False, url=artifact.url)


class Watched(NullProgress):
    """Records progress."""

    def __init__(self):
        self.steps = []
        self.counted = 0

    def step(self, task, label, total=None):
        self.steps.append((task, label))

    def advance(self, task, count):
        self.counted += count

    def done(self, task, step):
        self.steps.append((task, step))


@pytest.fixture
def paths(tmp_path):
    return single_root(str(tmp_path / "ro ot'$"))


@pytest.fixture
def install(tmp_path, paths):
    """Install from the bytes of an archive; `install.fetch` replaces the last download."""

    def run(content, layout, *, version="1.0.0", trusted=(), force=False, progress=None, stop=None):
        archive = tmp_path / "archive"
        archive.write_bytes(content)
        run.fetch = Fetched(archive)
        job = InstallJob(
            "tool", version, LINUX, Artifact("https://example.org/tool.tgz"), layout, plugin="sha256:aa"
        )
        return installer.install(
            job,
            paths=paths,
            http=lambda: None,
            locate=None,
            progress=progress or Watched(),
            trusted=trusted,
            jobs=3,
            force=force,
            stop=stop,
            fetch=run.fetch,
        )

    return run


TREE = {"tool-1/bin/tool": program("tool", "1"), "tool-1/README": b"read me"}
LAYOUT = Layout("tar.gz", ("bin/tool",), env={"TOOL_HOME": "{home}"})


def text_of(result, *parts):
    return pathlib.Path(result.path, *parts).read_text()


def nothing_left(paths):
    assert store.versions(paths, "tool") == ()
    assert not os.path.isdir(paths.staging) or os.listdir(paths.staging) == []


def test_a_tool_is_installed_and_runs(install, paths):
    outcome = install(tar(TREE), LAYOUT)
    result = store.get(paths, "tool", "1.0.0")
    assert (outcome.path, outcome.already_installed, outcome.from_cache) == (result.path, False, False)
    assert (outcome.url, outcome.sha256, outcome.bytes) == (
        "https://example.org/tool.tgz",
        "5" * 64,
        result.size,
    )
    assert sorted(os.listdir(result.path)) == [".envmgr-files", ".envmgr-receipt.json", "README", "bin"]
    assert result.env == {"TOOL_HOME": result.path}
    assert result.platform == "linux-x64"
    process = subprocess.run([result.find("tool"), "--version"], capture_output=True, text=True, check=True)
    assert process.stdout == "tool 1\n"
    assert store.check(paths, "tool", "1.0.0") == ()
    assert os.listdir(paths.staging) == []


def test_progress_reports_steps_and_archive_bytes(install):
    progress = Watched()
    content = tar(TREE)
    install(content, LAYOUT, progress=progress)
    assert [step for _, step in progress.steps] == ["waiting", "unpacking", "finishing", "installed"]
    assert {task for task, _ in progress.steps} == {"tool 1.0.0"}
    assert progress.counted == len(content)


def test_an_installed_tool_is_not_installed_again(install):
    first = install(tar(TREE), LAYOUT)
    again = install(b"no archive", LAYOUT)
    assert again.already_installed
    assert (again.path, again.url, again.sha256, again.bytes) == (
        first.path,
        first.url,
        first.sha256,
        first.bytes,
    )
    assert install.fetch.calls == 0


def test_force_replaces_the_tree(install, paths):
    install(tar(TREE), LAYOUT)
    install(tar({"tool-1/bin/tool": program("tool", "2")}), LAYOUT, force=True)
    result = store.get(paths, "tool", "1.0.0")
    assert "tool 2" in text_of(result, "bin", "tool")
    assert not os.path.exists(os.path.join(result.path, "README"))
    assert os.listdir(paths.staging) == []


def test_a_failed_forced_installation_keeps_the_old_tree(install, paths):
    install(tar(TREE), LAYOUT)
    with pytest.raises(BadArchive):
        install(b"no archive", LAYOUT, force=True)
    assert store.check(paths, "tool", "1.0.0") == ()


@pytest.mark.parametrize("refused", ["the old tree", "the new tree"])
def test_a_refused_rename_keeps_the_old_tree(install, paths, monkeypatch, refused):
    names = [f"bin/{RUNNING}", f"lib/{OPEN if refused == 'the old tree' else 'closed.dll'}", "share/readme"]
    install(tar({**TREE, **{f"tool-1/{name}": b"1" for name in names}}), LAYOUT)
    refuse_renames(monkeypatch)
    new = {} if refused == "the old tree" else {f"tool-1/{OPEN}": b"2"}
    with pytest.raises(StorageError, match="Permission denied"):
        install(tar({**TREE, **new}), LAYOUT, force=True)
    assert store.check(paths, "tool", "1.0.0") == ()


def test_a_tree_without_a_receipt_is_replaced(install, paths):
    os.makedirs(os.path.join(paths.install("tool", "1.0.0"), "half"))
    install(tar(TREE), LAYOUT)
    assert store.check(paths, "tool", "1.0.0") == ()
    assert not os.path.exists(os.path.join(paths.install("tool", "1.0.0"), "half"))


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("tar.xz", tar(TREE, compression="xz")),
        ("tar.bz2", tar(TREE, compression="bz2")),
        ("tar.zst", tar(TREE, compression="zst")),
        ("tar", tar(TREE, compression="")),
        ("zip", zipped(TREE)),
    ],
)
def test_every_format_of_archive_is_installed(kind, content, install, paths):
    install(content, Layout(kind, ("bin/tool",)))
    assert store.get(paths, "tool", "1.0.0").commands() == ("tool",)


@pytest.mark.parametrize("kind", ["gz", "xz", "bz2", "zst", "raw"])
@pytest.mark.parametrize(
    ("bin_paths", "expected"), [(("bin/run",), "run"), (("bin/",), "tool"), ((".",), "tool"), ((), "tool")]
)
def test_a_single_program_file_becomes_the_first_bin(kind, bin_paths, expected, install, paths):
    content = compress(program("tool", "1"), "" if kind == "raw" else kind)
    install(content, Layout(kind, bin_paths))
    assert store.get(paths, "tool", "1.0.0").commands() == (expected,)


def test_a_damaged_archive_error_names_its_url(install, paths):
    with pytest.raises(BadArchive) as caught:
        install(tar(TREE)[:-20], LAYOUT)
    assert caught.value.message.startswith("cannot unpack tool 1.0.0 from https://example.org/tool.tgz: ")
    assert caught.value.hint == "nothing was installed, and the download was discarded: retry"
    nothing_left(paths)


def test_an_archive_without_a_program_leaves_nothing(install, paths):
    with pytest.raises(BadArchive, match=r"no program found in the archive \(top level: 'README'\)"):
        install(tar({"tool-1/README": b"read me"}), Layout("tar.gz", ()))
    nothing_left(paths)


@unix
@pytest.mark.parametrize("bin_paths", [("bin/tool",), ("bin",), ()])
def test_a_zip_without_execute_bits_becomes_commands(bin_paths, install, paths):
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("tool-1/bin/tool", program("tool", "1"))
    install(plain.getvalue(), Layout("zip", bin_paths))
    assert store.get(paths, "tool", "1.0.0").commands() == ("tool",)


def test_a_hostile_archive_leaves_nothing(install, paths):
    with pytest.raises(UnsafeArchive, match=r"path traversal in '\.\./x'"):
        install(tar({"bin/tool": b"", "../x": b""}), LAYOUT)
    nothing_left(paths)


def test_an_archive_without_the_program_lists_its_content(install, paths):
    with pytest.raises(BadArchive, match=r"program 'bin/other' not found .* \(top level: 'README', 'bin'\)"):
        install(tar(TREE), Layout("tar.gz", ("bin/other",)))
    nothing_left(paths)


def test_a_store_that_cannot_be_written_is_named(install, paths):
    os.makedirs(paths.data)
    with open(paths.staging, "w") as file:
        file.write("in the way")
    with pytest.raises(StorageError) as caught:
        install(tar(TREE), LAYOUT)
    assert paths.staging in caught.value.message


def test_a_full_disk_is_named_and_nothing_remains(install, paths, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(extract.os, "write", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        install(tar(TREE), LAYOUT)
    assert paths.data in caught.value.message
    monkeypatch.undo()
    nothing_left(paths)


SCRIPT = """
printf '%s|%s|%s|%s' "$ENVMGR_VERSION" "$ENVMGR_JOBS" "$PWD" "$ENVMGR_INSTALL_DIR" > variables
ls "$ENVMGR_DOWNLOAD_DIR" > downloads
printf '#!/bin/sh\\necho built\\n' > bin/built
echo 'all is well'
"""


def scripted(text, *bin_paths, builtin=False):
    return Layout("tar.gz", ("bin/tool", *bin_paths), script=text, builtin=builtin)


@unix
def test_a_script_builds_in_the_staged_tree_before_the_receipt(install, paths):
    install(tar(TREE), scripted(SCRIPT, "bin/built", builtin=True))
    result = store.get(paths, "tool", "1.0.0")
    assert result.commands() == ("built", "tool")
    version, jobs, directory, tree = text_of(result, "variables").split("|")
    assert (version, jobs, directory) == ("1.0.0", "3", tree)
    assert tree.startswith(paths.staging)
    assert text_of(result, "downloads") == "tool.tgz\n"
    assert pathlib.Path(paths.logs, "install-tool-1.0.0.log").read_text() == "all is well\n"
    assert store.check(paths, "tool", "1.0.0") == ()


@unix
@pytest.mark.parametrize("trusted", [(), ("sha256:bb",)])
def test_a_script_needs_trust_before_anything_is_downloaded(trusted, install, paths):
    with pytest.raises(UntrustedScript) as caught:
        install(tar(TREE), scripted(SCRIPT), trusted=trusted)
    assert "sha256:aa" in caught.value.message
    assert "envmgr plugin trust" in caught.value.hint
    assert install.fetch.calls == 0
    nothing_left(paths)


@unix
def test_a_trusted_script_runs(install, paths):
    install(tar(TREE), scripted(SCRIPT, "bin/built"), trusted=("sha256:bb", "sha256:aa"))
    assert store.get(paths, "tool", "1.0.0").find("built")


@unix
def test_a_failed_script_leaves_only_its_log(install, paths):
    with pytest.raises(ScriptError, match=r"(?s)status 3; .*install-tool-1\.0\.0\.log.*no compiler"):
        install(tar(TREE), scripted("echo no compiler; exit 3", builtin=True))
    nothing_left(paths)


def test_a_stopped_installation_is_interrupted_and_leaves_nothing(install, paths):
    stop = threading.Event()
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        install(tar(TREE), LAYOUT, stop=stop)
    nothing_left(paths)


def test_concurrent_threads_install_once_and_all_succeed(tmp_path, paths):
    (tmp_path / "archive").write_bytes(tar(TREE))
    fetch = Fetched(tmp_path / "archive")
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(_install(paths, fetch))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.already_installed for outcome in outcomes) == [False] + [True] * 5
    assert fetch.calls == 1


@pytest.mark.parametrize("locked", ["1.0.0", "2.0.0"])
def test_progress_names_the_reason_of_a_wait(install, paths, locked):
    progress, reason = Watched(), ("tool 1.0.0", "another envmgr is installing it")
    thread = threading.Thread(target=lambda: install(tar(TREE), LAYOUT, progress=progress))
    with file_lock(paths, store.lock_name("tool", locked)):
        thread.start()
        wait_until(lambda: progress.steps[1:])
    thread.join()
    assert (progress.steps[1] == reason) == (locked == "1.0.0")
    assert progress.steps[-1] == ("tool 1.0.0", "installed")


def _install(paths, fetch):
    job = InstallJob("tool", "1.0.0", LINUX, Artifact("https://example.org/tool.tgz"), LAYOUT, "sha256:aa")
    return installer.install(
        job,
        paths=paths,
        http=lambda: None,
        locate=None,
        progress=NullProgress(),
        trusted=(),
        jobs=1,
        fetch=fetch,
    )


PROCESS = """
import os, sys
from envmgr.catalog.layout import Layout
from envmgr.lockformat.model import Artifact
from envmgr.install import installer
from envmgr.install.download.download import Download
from envmgr.install.install_job import InstallJob
from envmgr.kit import paths, platform, progress
root, archive = sys.argv[1:]
def fetch(artifact, **_):
    return Download(archive, "5" * 64, os.path.getsize(archive), False, artifact.url)
layout = Layout("tar.gz", ("bin/tool",))
job = InstallJob("tool", "1.0.0", platform.parse("linux-x64"), Artifact("https://example.org/x"), layout, "")
outcome = installer.install(
    job, paths=paths.single_root(root), http=lambda: None, locate=None, progress=progress.NullProgress(), trusted=(),
    jobs=1, fetch=fetch,
)
print(outcome.already_installed)
"""


def test_concurrent_processes_install_once_and_all_succeed(tmp_path, paths):
    archive = tmp_path / "archive"
    archive.write_bytes(tar(TREE))
    command = [sys.executable, "-c", PROCESS, paths.data, str(archive)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sorted(process.communicate(timeout=60)[0].strip() for process in processes) == [
        "False",
        "True",
        "True",
    ]


def test_the_tree_is_flushed_before_it_is_renamed(install, paths, monkeypatch):
    flushed = []

    def flush(directory):
        flushed.append((sorted(os.listdir(directory)), store.versions(paths, "tool")))

    monkeypatch.setattr(installer.fsync, "sync", flush)
    install(tar(TREE), LAYOUT)
    assert flushed[-1] == ([".envmgr-files", ".envmgr-receipt.json", "README", "bin"], ())


def test_written_files_are_flushed_incrementally(tmp_path, monkeypatch):
    flushed = threading.Event()
    monkeypatch.setattr(fsync, "SYNC_INTERVAL_SECONDS", 0.001)
    monkeypatch.setattr(fsync, "sync", lambda _: flushed.set())
    with fsync.background_sync(str(tmp_path), lambda: fsync.SYNC_INTERVAL_BYTES):
        assert flushed.wait(10)


@pytest.mark.parametrize(
    ("shares", "count"),
    [([1, 1, 1.9], 1), ([0.5, 0.9], 0), ([1, 1.5, 2], 2), ([3, 0.1, 0.5, 1.1], 2)],
    ids=["little more", "little", "more", "zip"],
)
def test_the_file_system_is_flushed_for_many_bytes_only(shares, count, tmp_path, monkeypatch):
    positions, flushes, over = iter(shares), [], threading.Event()

    def position():
        share = next(positions, None)
        if share is None:
            over.set()
        return int((shares[-1] if share is None else share) * fsync.SYNC_INTERVAL_BYTES)

    monkeypatch.setattr(fsync, "SYNC_INTERVAL_SECONDS", 0.001)
    monkeypatch.setattr(fsync, "sync", flushes.append)
    with fsync.background_sync(str(tmp_path), position):
        assert over.wait(10)
    assert flushes == [str(tmp_path)] * count


def test_an_interrupted_installation_does_not_wait_for_a_flush(tmp_path, monkeypatch):
    started, may_end = threading.Event(), threading.Event()

    def flush(_):
        started.set()
        may_end.wait(10)

    monkeypatch.setattr(fsync, "SYNC_INTERVAL_SECONDS", 0.001)
    monkeypatch.setattr(fsync, "sync", flush)

    def interrupt():
        with fsync.background_sync(str(tmp_path), lambda: fsync.SYNC_INTERVAL_BYTES):
            assert started.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    (thread,) = (thread for thread in threading.enumerate() if thread.name == fsync.THREAD_NAME)
    may_end.set()
    thread.join()


def test_sync_is_called_without_syncfs(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(fsync.sys, "platform", "darwin")
    monkeypatch.setattr(fsync.os, "sync", lambda: calls.append("sync"), raising=False)
    fsync.sync(str(tmp_path))
    assert calls == ["sync"]


@pytest.mark.skipif(sys.platform != "linux", reason="syncfs is a system call of Linux")
def test_linux_flushes_only_the_file_system_of_the_directory(tmp_path, monkeypatch):
    whole_system = []
    monkeypatch.setattr(fsync.os, "sync", lambda: whole_system.append("sync"))
    fsync.sync(str(tmp_path))
    assert whole_system == []
    with pytest.raises(FileNotFoundError):
        fsync.sync(str(tmp_path / "none"))
