"""Cold installs of a tiny and of real archives compared with `curl | tar` of the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from report.rows import ASDF, CURL_TAR, ENVMGR, MISE, UV
from support.installs import Cost, measure_installs
from support.throttled_server import Line

from support.archives import PYTHON, real_archive

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from report.results import Samples
    from support.installs import Run
    from support.suites.setting import Setting

SLOW_LINE = Line(100e6 / 8, 0.02)


class Install(NamedTuple):
    """Archives to install at once, rounds, the server's line, and figures in a second."""

    archives: tuple[str, ...]
    rounds: int
    line: Line = Line()
    scale: int = 1


INSTALLS = {
    "tiny": Install(("tiny.tar.gz",), 15, scale=1000),
    "node-gz": Install(("node.tar.gz",), 5),
    "go-gz": Install(("go.tar.gz",), 5),
    "cpython-gz": Install((f"{PYTHON}.tar.gz",), 7),
    "node-xz": Install(("node.tar.xz",), 3),
    "zig-xz": Install(("zig.tar.xz",), 3),
    "together": Install(("node.tar.gz", "go.tar.gz", "zig.tar.xz"), 3),
    "zig-slow": Install(("zig.tar.xz",), 2, SLOW_LINE),
}
MEMORY = "memory"
ROWS = (*INSTALLS, MEMORY)


def measure_rows(setting: Setting, names: Collection[str]) -> dict[str, Samples]:
    """Return the samples of the named rows; of memory, of all installs if no other row is named."""
    chosen = [name for name in INSTALLS if name in names] or list(INSTALLS)
    runs = {name: _measure(setting, INSTALLS[name]) for name in chosen}
    samples: dict[str, Samples] = {
        name: _seconds(runs[name], INSTALLS[name].scale) for name in chosen if name in names
    }
    if MEMORY in names:
        samples[MEMORY] = _peaks(runs.values())
    return samples


def _measure(setting: Setting, install: Install) -> dict[str, list[Run]]:
    ways = [CURL_TAR, ENVMGR, MISE, ASDF, *([UV] if install.archives == (f"{PYTHON}.tar.gz",) else [])]
    programs = {ENVMGR: setting.client.program, **setting.peers.programs}
    cost = Cost(install.line, setting.rounds(install.rounds), setting.directory)
    return measure_installs([real_archive(file) for file in install.archives], ways, programs, cost)


def _seconds(runs: dict[str, list[Run]], scale: int) -> Samples:
    return {way: [run.seconds * scale for run in series] for way, series in runs.items()}


def _peaks(installs: Iterable[dict[str, list[Run]]]) -> Samples:
    """Return the memory of the largest process of each way."""
    peaks: dict[str, float] = {}
    for runs in installs:
        for way, series in runs.items():
            peaks[way] = max(peaks.get(way, 0), *(run.memory for run in series))
    return {way: [peak] for way, peak in peaks.items()}
