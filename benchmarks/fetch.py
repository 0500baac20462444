"""Verified download compared with `curl -o` of the same file from a local server, in one run.

Run as `python benchmarks/fetch.py [MEGABYTES] [ROUNDS]`; prints medians and best times, their ratios, and the
peak memory.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from hashlib import file_digest

from support.client import CACHE, install_client

_HERE = os.path.dirname(os.path.abspath(__file__))
_TESTS = os.path.join(os.path.dirname(_HERE), "tests")

_SERVE = """
import os, socket, sys, threading
path, listener = sys.argv[1], socket.create_server(("127.0.0.1", 0))
def serve(connection):
    with connection, open(path, "rb") as file:
        while b"\\r\\n\\r\\n" not in connection.recv(65536): pass
        size = os.path.getsize(path)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nETag: \\"x\\"\\r\\nContent-Length: %d\\r\\n\\r\\n" % size)
        connection.sendfile(file)
print(listener.getsockname()[1], flush=True)
while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""

_DOWNLOAD = """
import json, shutil, sys, time
sys.path.insert(0, sys.argv[1])
from support.programs.download_url import _download
root, url, sha256 = sys.argv[2:5]
_download(root + "-warm", url.rpartition("/")[0] + "/warm", sha256)
shutil.rmtree(root + "-warm")
start = time.perf_counter()
memory = _download(root, url, sha256)["memory"]
print(json.dumps({"seconds": time.perf_counter() - start, "memory": memory}))
"""


def main() -> None:
    """Run the rounds and print the figures."""
    megabytes, rounds = (int(text) for text in (*sys.argv[1:], "200", "7")[:2])
    with tempfile.TemporaryDirectory() as directory:
        source = os.path.join(directory, "source")
        _fill(source, megabytes)
        with open(source, "rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
        with subprocess.Popen(
            [sys.executable, "-c", _SERVE, source], stdout=subprocess.PIPE, text=True
        ) as server:
            port = server.stdout.readline().strip() if server.stdout else ""
            try:
                _compare(directory, f"http://127.0.0.1:{port}/file", sha256, rounds)
            finally:
                server.kill()


def _fill(path: str, megabytes: int) -> None:
    with open(path, "wb") as file:
        file.writelines(os.urandom(1 << 20) for _ in range(megabytes))


def _compare(directory: str, url: str, sha256: str, rounds: int) -> None:
    python = install_client(CACHE).python
    curl, curl_synced, envmgr, memory = [], [], [], 0
    for number in range(rounds):
        target = os.path.join(directory, "curl")
        curl.append(_curl(url, target, synced=False))
        curl_synced.append(_curl(url, target, synced=True))
        result = _ours(python, os.path.join(directory, f"root{number}"), url, sha256)
        envmgr.append(result["seconds"])
        memory = max(memory, int(result["memory"]))
    names = ("curl -o", "curl -o; fsync", "download, hash, fsync")
    for name, times in zip(names, (curl, curl_synced, envmgr), strict=True):
        middle, best = statistics.median(times), min(times)
        ratios = f"{middle / statistics.median(curl):.2f} (best: {best / min(curl):.2f}) of curl"
        print(f"{name:24} {middle * 1000:7.0f} ms (best: {best * 1000:.0f})   {ratios}")
    print(f"peak memory              {memory / 2**20:.0f} MiB")


def _curl(url: str, target: str, *, synced: bool) -> float:
    if os.path.exists(target):
        os.unlink(target)
    start = time.perf_counter()
    subprocess.run(["curl", "-sSf", "-o", target, url], check=True)
    if synced:
        descriptor = os.open(target, os.O_RDWR)
        os.fsync(descriptor)
        os.close(descriptor)
    return time.perf_counter() - start


def _ours(python: str, root: str, url: str, sha256: str) -> dict[str, float]:
    """Time a download in a fresh process, with everything imported and warm as in `install`."""
    command = [python, "-c", _DOWNLOAD, _TESTS, root, url, sha256]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    subprocess.run(["rm", "-rf", root], check=True)
    figures: dict[str, float] = json.loads(result.stdout)
    return figures


if __name__ == "__main__":
    main()
