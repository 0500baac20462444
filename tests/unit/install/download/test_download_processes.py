"""Downloads with kills, full disks, and several processes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from envmgr.install.download import cache
from envmgr.kit.paths import single_root
from support.http import faults
from support.http.fault_server import Huge
from support.programs import download_url
from support.waiting import wait_until

PROGRAM = download_url.__file__
MIB = 1 << 20

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")


@pytest.fixture(scope="module")
def body():
    huge = Huge(4 * MIB)
    huge.sha256 = huge.hexdigest()
    return huge


def start(root, url, sha256, *options):
    command = [sys.executable, PROGRAM, str(root), url, sha256, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out)


def hash_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "Ctrl-C"])
def test_a_killed_download_resumes_in_the_next_run(server, tmp_path, body, number):
    url = server.add("/f", body, fault=faults.stalled(2 * MIB, times=1))
    partial = cache.partial_of(single_root(str(tmp_path)), url)
    process = start(tmp_path, url, body.sha256)
    wait_until(lambda: partial.size >= MIB)
    process.send_signal(number)
    process.communicate(timeout=60)
    partial_size = partial.size
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    result = finish(start(tmp_path, url, body.sha256))
    assert hash_of(result["path"]) == body.sha256
    assert [request.headers.get("range") for request in server.requests] == [None, f"bytes={partial_size}-"]
    assert partial_size >= MIB


def test_concurrent_processes_share_one_download(server, tmp_path, body):
    url = server.add("/f", body)
    results = [finish(process) for process in [start(tmp_path, url, body.sha256) for _ in range(4)]]
    assert sorted(result["from_cache"] for result in results) == [False, True, True, True]
    assert len(server.requests) == 1


def test_a_file_size_limit_names_the_directory_and_the_download_can_resume(server, tmp_path, body):
    url = server.add("/f", body)
    process = start(tmp_path, url, body.sha256, "--file-limit", str(MIB))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith(
        f"StorageError: cannot write {single_root(str(tmp_path)).downloads}: File too large"
    )
    assert hash_of(finish(start(tmp_path, url, body.sha256))["path"]) == body.sha256
    assert server.requests[-1].headers["range"] == f"bytes={MIB}-"


@pytest.fixture
def small_disk(tmp_path):
    """Return the directory of a file system of two megabytes."""
    directory = tmp_path / "small disk"
    directory.mkdir()
    mount = shutil.which("mount")
    if not mount or os.geteuid() != 0:
        pytest.skip("only root may mount")
    command = [mount, "-t", "tmpfs", "-o", "size=2m", "none", directory]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)


def test_a_full_disk_names_the_directory(server, small_disk, body):
    url = server.add("/f", body)
    process = start(small_disk, url, body.sha256)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"cannot write {small_disk}/cache/downloads" in err
    assert "No space left" in err


def test_memory_does_not_grow_with_the_file(server, tmp_path):
    peaks = {}
    for size in (1, 120):
        body = Huge(size * MIB)
        url = server.add(f"/{size}", body)
        peaks[size] = finish(start(tmp_path, url, body.hexdigest()))["memory"]
    assert peaks[120] - peaks[1] < 12 * MIB
