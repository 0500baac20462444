"""Installations in the store, and their removal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from envmgr.install import file_list, integrity, receipt, staging, store
from envmgr.install.receipt import Receipt
from envmgr.kit import file_locks
from envmgr.kit.errors import StorageError
from envmgr.kit.frozen import replace
from envmgr.kit.paths import single_root
from envmgr.kit.progress import NullProgress
from support.client_fakes import RecordingProgress
from support.machine.windows_renames import OPEN, refuse_renames

RECEIPT = Receipt(
    tool="node",
    version="20.1.0",
    url="https://example.org/node.tar.gz",
    sha256="0" * 64,
    size=123,
    plugin="sha256:feed",
    platform="linux-x64",
    installed_at="2026-01-02T03:04:05Z",
    bin_dirs=("bin", ""),
    home="Contents/Home",
    env={"NODE_HOME": "{home}", "PLAIN": "x"},
    files=2,
    bytes=3,
    files_digest="sha256:0",
)


@pytest.fixture
def paths(tmp_path):
    return single_root(str(tmp_path / "root"))


@pytest.fixture
def put(paths):
    """Create a complete installation in the store."""

    def make(tool="node", version="20.1.0", **files):
        directory = paths.install(tool, version)
        for name, content in (files or {"bin/node": "#!/bin/sh\n"}).items():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(content)
            os.chmod(path, 0o755)
        total = integrity.write_file_list(directory)
        new_receipt = replace(
            RECEIPT, tool=tool, version=version, files=total.count, files_digest=total.digest
        )
        receipt.write(directory, new_receipt)
        return directory

    return make


def test_an_installation_is_read_from_its_receipt(paths, put):
    directory = put()
    result = store.get(paths, "node", "20.1.0")
    assert result.path == directory
    assert result.bin_dirs == (os.path.join(directory, "bin"), directory)
    assert result.env == {"NODE_HOME": os.path.join(directory, "Contents", "Home"), "PLAIN": "x"}
    assert (result.tool, result.version, result.installed_at) == ("node", "20.1.0", "2026-01-02T03:04:05Z")
    assert (result.url, result.sha256, result.size) == ("https://example.org/node.tar.gz", "0" * 64, 123)
    assert (result.plugin, result.platform) == ("sha256:feed", "linux-x64")


def test_without_a_receipt_nothing_is_installed(paths, put):
    os.unlink(os.path.join(put(), receipt.RECEIPT))
    assert store.get(paths, "node", "20.1.0") is None
    assert store.versions(paths, "node") == ()
    assert store.tools(paths) == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "{",
        lambda _: "[]",
        lambda document: json.dumps({**document, "receipt": 99}),
        lambda document: json.dumps({name: value for name, value in document.items() if name != "tool"}),
        lambda document: json.dumps({**document, "bin_dirs": "bin"}),
        lambda document: json.dumps({**document, "env": {"A": 1}}),
        lambda document: json.dumps({**document, "files": 3}),
    ],
)
def test_an_invalid_receipt_is_ignored(change, paths, put):
    path = os.path.join(put(), receipt.RECEIPT)
    with open(path) as file:
        document = json.load(file)
    with open(path, "w") as file:
        file.write(change(document))
    assert store.get(paths, "node", "20.1.0") is None


def test_names_that_are_not_file_names_are_encoded_and_decoded(paths, put):
    put("npm:@scope/x", "1.0.0+b")
    assert store.tools(paths) == ("npm:@scope/x",)
    assert store.versions(paths, "npm:@scope/x") == ("1.0.0+b",)
    os.makedirs(os.path.join(paths.installs, "%ZZ"))
    assert store.tools(paths) == ("npm:@scope/x",)


def test_all_installations_are_found(paths, put):
    put("b", "1")
    put("a", "1")
    put("a", "2")
    assert sorted((item.tool, item.version) for item in store.all_installed(paths)) == [
        ("a", "1"),
        ("a", "2"),
        ("b", "1"),
    ]


def test_an_empty_store_has_no_installations(paths):
    assert store.tools(paths) == ()
    assert store.versions(paths, "x") == ()
    assert store.get(paths, "x", "1") is None
    assert store.remove_stale(paths, NullProgress()) == 0
    assert not store.remove(paths, "x", "1")


@pytest.mark.skipif(sys.platform == "win32", reason="links to themselves")
def test_a_store_that_cannot_be_listed_is_named(paths):
    os.makedirs(paths.data)
    os.symlink("installs", paths.installs)  # root cannot list it either
    with pytest.raises(
        StorageError, match=f"^cannot read {paths.installs}: Too many levels of symbolic links$"
    ):
        store.tools(paths)


@pytest.mark.skipif(sys.platform == "win32", reason="links to themselves")
def test_a_directory_of_the_store_that_cannot_be_listed_is_not_empty(paths):
    os.makedirs(paths.installs)
    directory = os.path.join(paths.installs, "x")
    os.symlink("x", directory)
    cause = f"^cannot read {directory}: Too many levels of symbolic links$"
    with pytest.raises(StorageError, match=cause):
        store.tools(paths)
    with pytest.raises(StorageError, match=cause):
        store.programs([directory])


@pytest.mark.skipif(sys.platform == "win32", reason="executable bits")
def test_programs_are_executable_files(paths, put):
    directory = put(**{"bin/node": "", "bin/npm": "", "bin/notes": "", "lib/x": ""})
    os.chmod(os.path.join(directory, "bin", "notes"), 0o644)
    os.mkdir(os.path.join(directory, "bin", "folder"))
    result = store.get(paths, "node", "20.1.0")
    assert result.commands() == ("node", "npm")
    assert result.find("npm") == os.path.join(directory, "bin", "npm")
    assert [result.find(name) for name in ("notes", "folder", "../lib/x", "", ".", "missing")] == [None] * 6


def test_windows_programs_are_recognized_by_their_extensions(tmp_path):
    for name in ("node.exe", "npm.cmd", "npm", "readme.txt"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    extensions = (".exe", ".cmd")
    assert store.programs([str(tmp_path)], extensions) == ("node", "npm")
    assert store.find_program([str(tmp_path)], "npm", extensions) == str(tmp_path / "npm.cmd")
    assert store.find_program([str(tmp_path)], "node.exe", extensions) == str(tmp_path / "node.exe")
    assert store.find_program([str(tmp_path)], "readme", extensions) is None


@pytest.mark.parametrize(
    ("pathext", "extensions"),
    [
        (".COM;.EXE;.BAT;.CMD;.VBS;.JS;.PY", (".com", ".exe", ".bat", ".cmd")),
        (".CMD;.EXE", (".cmd", ".exe")),
        ("", (".com", ".exe", ".bat", ".cmd")),
    ],
)
def test_extensions_that_need_a_file_association_are_not_of_programs(pathext, extensions):
    assert store.startable_extensions(pathext) == extensions


def test_removal_deletes_the_tree_and_an_empty_tool_directory(paths, put):
    put(version="1")
    put(version="2")
    assert store.remove(paths, "node", "1")
    assert store.versions(paths, "node") == ("2",)
    assert store.remove(paths, "node", "2")
    assert os.listdir(paths.installs) == []
    assert os.listdir(paths.staging) == []


def test_a_removal_that_is_refused_leaves_the_whole_tree(paths, put, monkeypatch):
    put(**{"bin/node": "1", f"lib/{OPEN}": "1", "share/readme": "1"})
    refuse_renames(monkeypatch)
    with pytest.raises(StorageError, match="Permission denied"):
        store.remove(paths, "node", "20.1.0")
    assert store.check(paths, "node", "20.1.0") == ()
    assert os.listdir(paths.staging) == []


@pytest.mark.skipif(sys.platform == "win32", reason="read-only directories")
def test_read_only_trees_can_be_removed(paths, put):
    directory = put()
    os.chmod(os.path.join(directory, "bin", "node"), 0o400)
    os.chmod(os.path.join(directory, "bin"), 0o500)
    assert store.remove(paths, "node", "20.1.0")
    assert os.listdir(paths.staging) == []


def test_staging_of_dead_processes_is_swept_and_of_living_ones_preserved(paths):
    program = (
        "import os, sys\nfrom envmgr.install import staging\nfrom envmgr.kit.paths import single_root\n"
        "with staging.directory(single_root(sys.argv[1])) as path:\n"
        "    open(os.path.join(path, 'file'), 'w').close(); os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", program, paths.data], check=False)
    assert len([name for name in os.listdir(paths.staging) if not name.endswith(".lock")]) == 1
    with staging.directory(paths) as own_staging:
        assert store.remove_stale(paths, NullProgress()) == 1
        assert [name for name in os.listdir(paths.staging) if not name.endswith(".lock")] == [
            os.path.basename(own_staging)
        ]
    assert os.listdir(paths.staging) == []


def test_the_removal_of_leftovers_is_reported(paths):
    for number in range(2):
        os.makedirs(os.path.join(paths.staging, f"{os.getpid()}-{number}"))
    progress = RecordingProgress()
    assert store.remove_stale(paths, progress) == 2
    assert [label for _, label, _ in progress.steps] == ["removing 1 of 2", "removing 2 of 2"]
    assert progress.over == [("interrupted installs", "removed")]


def test_a_reused_process_id_does_not_protect_staging(paths):
    os.makedirs(os.path.join(paths.staging, f"{os.getpid()}-0123456789abcdef"))
    assert store.remove_stale(paths, NullProgress()) == 1
    assert os.listdir(paths.staging) == []


def test_concurrent_sweeps_and_installations_do_not_interfere(paths):
    failures = []

    def work():
        try:
            for _ in range(5):
                with staging.directory(paths) as path:
                    store.remove_stale(paths, NullProgress())
                    with open(os.path.join(path, "file"), "w") as file:
                        file.write("x")
        except Exception as error:  # noqa: BLE001 - none may come, and a thread's is lost otherwise
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert os.listdir(paths.staging) == []


def test_removal_waits_for_running_installs(paths, put):
    put()
    with file_locks.file_lock(paths, store.lock_name("node", "20.1.0")):
        thread = threading.Thread(target=store.remove, args=(paths, "node", "20.1.0"))
        thread.start()
        thread.join(0.1)
        assert store.get(paths, "node", "20.1.0")
    thread.join()
    assert store.get(paths, "node", "20.1.0") is None


def test_an_unmodified_tree_passes_the_check(paths, put):
    put(**{"bin/node": "x", "odd\tname\\\n": "y"})
    assert store.check(paths, "node", "20.1.0") == ()


def _link(directory, target):
    path = os.path.join(directory, "link")
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(target, path)


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes")
def test_each_difference_is_reported_and_additions_are_ignored(paths):
    directory = paths.install("node", "1")
    os.makedirs(os.path.join(directory, "d"))
    for name in ("gone", "grown", "closed", "d/same"):
        with open(os.path.join(directory, name), "w") as file:
            file.write("x")
    _link(directory, "grown")
    total = integrity.write_file_list(directory)
    receipt.write(directory, replace(RECEIPT, version="1", files=total.count, files_digest=total.digest))
    os.unlink(os.path.join(directory, "gone"))
    os.chmod(os.path.join(directory, "closed"), 0o600)
    for name in ("grown", "added"):
        with open(os.path.join(directory, name), "w") as file:
            file.write("longer")
    _link(directory, "gone")
    assert store.check(paths, "node", "1") == (
        "closed: mode is 100600, expected 100644",
        "gone is missing",
        "grown: size is 6, expected 1",
        "link: links to gone, expected grown",
    )


def test_a_missing_or_changed_sidecar_is_reported(paths, put):
    directory = put()
    with open(os.path.join(directory, receipt.FILES), "a") as file:
        file.write("100644\t1\tx\n")
    assert store.check(paths, "node", "20.1.0") == (".envmgr-files was modified",)
    os.unlink(os.path.join(directory, receipt.FILES))
    assert store.check(paths, "node", "20.1.0") == (".envmgr-files is missing or unreadable",)
    assert store.check(paths, "node", "9") == (".envmgr-receipt.json is missing or unreadable",)


@pytest.mark.parametrize("path", ["plain", "a\tb", "a\\tb", "a\\\\\nb", "\u2028", "é\r", "x\\"])
def test_any_path_is_preserved_in_the_file_list(path):
    line = file_list.Line("100755", 3, path)
    link = file_list.Line("120000", 3, path, path)
    assert file_list.parse(f"{line}\n") == {path: line}
    assert file_list.parse(f"{link}\n") == {path: link}
