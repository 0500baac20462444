"""Milliseconds of picking from, and reading, 800 versions with envmgr and with `packaging`, as JSON.

Both pick from versions that are already parsed; `packaging` filters parsed versions by a parsed SpecifierSet. envmgr
picks with `select`, as commands do, which also explains. It sorts a list once, for the first pick from it, which is a
row of its own. Versions are read for the first time in each round.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envmgr.versions import parse, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Ways = Mapping[str, Callable[[], object]]
    Times = dict[str, list[float]]

LISTED = [f"{major}.{minor}.{patch}" for major in range(10) for minor in range(10) for patch in range(8)]
SPECS = {
    "pick": ("^5.1", ">=5.1,<6"),
    "pick-prefix": ("5.1", "==5.1.*"),
    "pick-range": (">=3, <7", ">=3,<7"),
    "pick-latest": ("latest", ""),
}


def main() -> None:
    """Print the samples of each row."""
    rounds = int(sys.argv[1])
    random.Random(0).shuffle(LISTED)
    samples = {"read": _reading(), "pick-first": _picking_first(rounds)}
    for row, (spec, specifier) in SPECS.items():
        samples[row] = _picking(spec, specifier, rounds)
    print(json.dumps(samples))


def _picking(spec: str, specifier: str, rounds: int) -> Times:
    parsed, specifiers = [Version(text) for text in LISTED], SpecifierSet(specifier)
    ways: Ways = {
        "envmgr": lambda: select(LISTED, spec).winner,
        "packaging": lambda: str(max(specifiers.filter(parsed))),
    }
    if len({way() for way in ways.values()}) != 1:
        raise SystemExit(f"the ways to pick {spec} differ")
    return _time_in_turn(ways for _ in range(rounds))


def _picking_first(rounds: int) -> Times:
    """Return the times of picking ^5.1 from lists of different orders."""
    specifiers = SpecifierSet(">=5.1,<6")

    def ways(start: int) -> Ways:
        texts = LISTED[start:] + LISTED[:start]
        parsed = [Version(text) for text in texts]
        return {
            "envmgr": lambda: select(texts, "^5.1").winner,
            "packaging": lambda: str(max(specifiers.filter(parsed))),
        }

    return _time_in_turn(ways(start) for start in range(1, rounds + 1))


def _reading() -> Times:
    """Return the times of reading 800 versions, in each round with another first digit."""

    def ways(digit: int) -> Ways:
        texts = [f"{digit}{text}" for text in LISTED]
        return {
            "envmgr": lambda: [parse(text) for text in texts],
            "packaging": lambda: [Version(text) for text in texts],
        }

    return _time_in_turn((ways(digit) for digit in range(1, 10)), gc.collect)


def _time_in_turn(rounds: Iterable[Ways], prepare: Callable[[], object] | None = None) -> Times:
    """Return the times of each way by round, after an untimed preparation of each."""
    times: Times = {}
    for ways in rounds:
        for name, way in ways.items():
            if prepare:
                prepare()
            started = time.perf_counter()
            way()
            times.setdefault(name, []).append((time.perf_counter() - started) * 1000)
    return times


if __name__ == "__main__":
    main()
