"""Cold installs of archives from a local server, in different ways, in turn."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, NamedTuple

from report.rows import ASDF, CURL_TAR, ENVMGR, MISE, UV
from support.peers.asdf import asdf_variables, write_plugin
from support.peers.environments import base_environment
from support.peers.mise import mise_variables
from support.throttled_server import serve
from support.tiny_tools import write_text

from support.archives import PYTHON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.throttled_server import Line

    from support.archives import Archive

TAR_FLAGS = {"tar.gz": "z", "tar.xz": "J"}
TAR, LOCKED = "tar", "envmgr --locked"
VERSION = "1.0.0"
PYTHON_VERSION = ".".join(map(str, sys.version_info[:3]))
_KIBIBYTES_PER_MEBIBYTE = 1 << 10  # getrusage counts in the former


class Run(NamedTuple):
    """Result of one run: seconds, processor seconds of all its processes, and MiB of the largest.

    A process starts as a copy of this one, so that less memory than this one's does not show.
    """

    seconds: float
    computing: float
    memory: int


class Way(NamedTuple):
    """A command to measure, and the directory whose copy it starts with; `{}` is that copy."""

    command: Sequence[str]
    template: str | None = None
    variables: Mapping[str, str] = {}


class Cost(NamedTuple):
    """The line of the server, rounds, and the directory in which trees are unpacked."""

    line: Line
    rounds: int
    directory: str


def measure_installs(
    archives: Sequence[Archive], names: Sequence[str], programs: Mapping[str, str], cost: Cost
) -> dict[str, list[Run]]:
    """Run the named ways in turn and return the runs of each; `programs` are envmgr and the peers.

    A peer that fails is left out, with a warning.
    """
    with tempfile.TemporaryDirectory() as scratch:
        pages = os.path.join(scratch, "pages")
        os.mkdir(pages)
        for archive in archives:
            os.symlink(archive.path, os.path.join(pages, archive.file))
        with serve(pages, cost.line) as base:
            ways = _Ways(archives, base, scratch, programs).create(names)
            return _run_in_turn(ways, cost)


def _run_in_turn(ways: dict[str, Way], cost: Cost) -> dict[str, list[Run]]:
    result: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(cost.rounds):
        for name in list(result):
            try:
                result[name].append(_run(ways[name], cost.directory))
            except subprocess.CalledProcessError as error:
                text = f"{' '.join(ways[name].command)} failed: {error.stderr}"
                if name not in (MISE, ASDF, UV):
                    raise SystemExit(text) from error
                print(f"warning: {name} left out: {text}", file=sys.stderr)
                del result[name]
    return result


class _Ways:
    """Commands that install the same archives of the same server."""

    def __init__(
        self, archives: Sequence[Archive], base: str, scratch: str, programs: Mapping[str, str]
    ) -> None:
        self._archives = archives
        self._base = base
        self._scratch = scratch
        self._programs = programs

    def create(self, names: Sequence[str]) -> dict[str, Way]:
        """Return the named ways, as far as their programs can be had."""
        create = {
            TAR: self._tar,
            CURL_TAR: self._curl_tar,
            ENVMGR: self._envmgr,
            LOCKED: self._envmgr_locked,
            MISE: self._mise,
            ASDF: self._asdf,
            UV: self._uv,
        }
        needed = {TAR: "tar", CURL_TAR: "tar", LOCKED: ENVMGR}
        available = {"tar", *self._programs}
        return {name: create[name]() for name in names if needed.get(name, name) in available}

    def _tar(self) -> Way:
        return Way(_together([f"tar xf {item.path}" for item in self._archives]))

    def _curl_tar(self) -> Way:
        return Way(
            _together(
                [
                    f"curl -sSf {self._base}/{item.file} | tar x{TAR_FLAGS[item.format]}f -"
                    for item in self._archives
                ]
            )
        )

    def _envmgr(self) -> Way:
        project = os.path.join(self._scratch, "project")
        if not os.path.exists(project):
            self._publish(project)
        return Way([self._programs[ENVMGR], "-C", "{}", "install"], project, {"ENVMGR_HOME": "{}/home"})

    def _publish(self, project: str) -> None:
        """Write the documents of the server, and a project with its home."""
        pages = os.path.join(self._scratch, "pages")
        write_text(os.path.join(pages, "index.json"), json.dumps([{"version": VERSION}]))
        sums = [f"{archive.sha256}  {archive.file}\n" for archive in self._archives]
        write_text(os.path.join(pages, "SHA256SUMS"), "".join(sums))
        for archive in self._archives:
            path = os.path.join(project, "home", "plugins", f"{archive.name}.json")
            write_text(path, json.dumps(_manifest(archive, self._base)))
        lines = [f"{archive.name}={VERSION}\n" for archive in self._archives]
        write_text(os.path.join(project, ".envmgr"), "".join(lines))

    def _envmgr_locked(self) -> Way:
        """Return the way in a copy of the project with a lock."""
        way = self._envmgr()
        locked = os.path.join(self._scratch, "locked")
        shutil.copytree(str(way.template), locked)
        home = {**base_environment(locked), "ENVMGR_HOME": os.path.join(locked, "home")}
        lock = [self._programs[ENVMGR], "-C", locked, "lock"]
        subprocess.run(lock, env=home, check=True, capture_output=True)
        return Way([*way.command, "--locked"], locked, way.variables)

    def _mise(self) -> Way:
        project = os.path.join(self._scratch, "mise")
        tools = [
            f'"http:{item.name}" = {{version = "{VERSION}", url = "{self._base}/{item.file}",'
            f' checksum = "sha256:{item.sha256}"}}\n'
            for item in self._archives
        ]
        write_text(os.path.join(project, "mise.toml"), "[tools]\n" + "".join(tools))
        return Way([self._programs[MISE], "-C", "{}", "install", "--yes"], project, mise_variables("{}"))

    def _asdf(self) -> Way:
        project = os.path.join(self._scratch, "asdf")
        for item in self._archives:
            write_plugin(os.path.join(project, "data"), item.name, f"{self._base}/{item.file}", [VERSION])
        lines = [f"{item.name} {VERSION}\n" for item in self._archives]
        write_text(os.path.join(project, ".tool-versions"), "".join(lines))
        return Way(
            [self._programs[ASDF], "install"], project, asdf_variables(self._programs[ASDF], "{}/data")
        )

    def _uv(self) -> Way:
        (archive,) = (item for item in self._archives if item.name == PYTHON)
        downloads = os.path.join(self._scratch, "downloads.json")
        write_text(downloads, json.dumps(_python_downloads(archive, f"{self._base}/{archive.file}")))
        options = ["--no-config", "--no-bin", "--install-dir", "{}/out", "--cache-dir", "{}/cache"]
        source = ["--python-downloads-json-url", downloads]
        return Way([self._programs[UV], "python", "install", PYTHON_VERSION, *options, *source])


def _together(commands: list[str]) -> list[str]:
    """Return a command that runs shell commands at once, and fails if one of them fails.

    A pipe fails if a part of it does, which requires bash.
    """
    started = "".join(f'{command} & pids="$pids $!"; ' for command in commands)
    script = f"set -o pipefail; {started}for pid in $pids; do wait $pid || exit 1; done"
    return [shutil.which("bash") or "bash", "-c", script]


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


def _python_downloads(archive: Archive, url: str) -> dict[str, object]:
    """Return the list of uv with one Python, the one that runs here."""
    major, minor, patch = sys.version_info[:3]
    machine = os.uname().machine
    return {
        f"cpython-{PYTHON_VERSION}-linux-{machine}-gnu": {
            "name": "cpython",
            "arch": {"family": machine, "variant": None},
            "os": "linux",
            "libc": "gnu",
            "major": major,
            "minor": minor,
            "patch": patch,
            "prerelease": "",
            "url": url,
            "sha256": archive.sha256,
            "variant": None,
            "build": "20260101",
        }
    }


def _run(way: Way, directory: str) -> Run:
    """Run a way in a new directory.

    Raise CalledProcessError if it fails.
    """
    with tempfile.TemporaryDirectory(dir=directory) as work, tempfile.TemporaryFile() as errors:
        if way.template:
            shutil.copytree(way.template, work, dirs_exist_ok=True)
        pairs = {name: value.replace("{}", work) for name, value in way.variables.items()}
        command = [word.replace("{}", work) for word in way.command]
        os.sync()  # exclude the disk writes of the previous run from this one
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=work,
            env={**base_environment(work), **pairs},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        if process.returncode != 0:
            text = errors.read().decode(errors="replace").strip()
            raise subprocess.CalledProcessError(process.returncode, command, stderr=text)
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // _KIBIBYTES_PER_MEBIBYTE)
