"""Picking a version from 800, compared with `packaging`, in turn, in one run.

Both pick from versions that are already parsed; `packaging` filters parsed versions by a parsed SpecifierSet.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envmgr.versions import max_satisfying, parse, select

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 201
LISTED = [f"{major}.{minor}.{patch}" for major in range(10) for minor in range(10) for patch in range(8)]
SPECS = {
    "^5.1": ">=5.1,<6",
    "5.1": "==5.1.*",
    "5.1.3": "==5.1.3",
    ">=3, <7": ">=3,<7",
    "latest": "",
}


def main() -> None:
    """Print the median of each way to pick, and the ratio to `packaging`."""
    random.Random(0).shuffle(LISTED)
    print(f"{len(LISTED)} versions, medians of {RUNS} in ms\n")
    print(f"{'spec':10}{'max_satisfying':>16}{'select':>10}{'packaging':>12}{'ratio':>8}")
    for spec, specifier in SPECS.items():
        pick, explain, other = _measure(_ways(spec, specifier))
        print(f"{spec:10}{pick:16.3f}{explain:10.3f}{other:12.3f}{other / pick:8.1f}")
    print(f"\nreading {len(LISTED)} for the first time")
    for shape in ("{}", "{}-rc1+x"):
        ours, theirs = _measure_reading(shape)
        print(f"{shape:10}{ours:16.3f}{'':10}{theirs:12.3f}{theirs / ours:8.1f}")


def _ways(spec: str, specifier: str) -> list[Callable[[], object]]:
    parsed, specifiers = [Version(text) for text in LISTED], SpecifierSet(specifier)
    ways = [
        lambda: max_satisfying(LISTED, spec),
        lambda: select(LISTED, spec).winner,
        lambda: str(max(specifiers.filter(parsed))),
    ]
    assert len({way() for way in ways}) == 1
    return ways


def _measure(ways: list[Callable[[], object]]) -> list[float]:
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(RUNS):
        for way, durations in zip(ways, times, strict=True):
            started = time.perf_counter()
            way()
            durations.append((time.perf_counter() - started) * 1_000)
    return [statistics.median(durations) for durations in times]


def _measure_reading(shape: str) -> list[float]:
    """Return the median times of reading, in each round versions with another first digit."""
    times: list[list[float]] = [[], []]
    for digit in range(1, 10):
        texts = [shape.format(f"{digit}{text}") for text in LISTED]
        for read, durations in zip((parse, Version), times, strict=True):
            durations.append(_time_reading(read, texts))
    return [statistics.median(durations) for durations in times]


def _time_reading(read: Callable[[str], object], texts: list[str]) -> float:
    gc.collect()
    started = time.perf_counter()
    versions = [read(text) for text in texts]
    assert len(versions) == len(texts)
    return (time.perf_counter() - started) * 1_000


if __name__ == "__main__":
    main()
