"""Cold `envmgr install` of archives from a local server compared with `curl | tar`, in one run.

    python benchmarks/install.py [-n ROUNDS] [-d DIRECTORY] [--mbit MBIT --delay-ms MS] [--together] [ARCHIVE…]

All are whole commands, in fresh homes; `--locked` is with a lock that exists. Without an archive, real trees (Node.js,
Go, a Zig of 20,000 files) are downloaded with pip, this Python's own library is taken for another, and all are packed
once, which takes some minutes. DIRECTORY is where trees are unpacked: on a disk the result is the time that users wait,
on a tmpfs the cost of the code. `--together` installs all archives with one command. `--mbit` and `--delay-ms` are of
the server's line. `--peers` adds those that `benchmarks/table.py` compares with. Peak memory is that of the largest
process of each way.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from typing import TYPE_CHECKING

from report.rows import ASDF, CURL_TAR, ENVMGR, MISE, UV
from support.client import CACHE, install_client, use_client
from support.installs import LOCKED, TAR, Cost, measure_installs
from support.peers.discovery import find_peers
from support.throttled_server import Line

from support.archives import DEFAULTS, PYTHON, describe_archive, real_archive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.installs import Run

    from support.archives import Archive


def main() -> None:
    """Measure each archive and print the time of each way."""
    options = parse_options()
    client = use_client(options.envmgr) if options.envmgr else install_client(CACHE)
    peers = find_peers(CACHE, options.asdf).programs if options.peers else {}
    archives = [describe_archive(path) for path in options.archives] or [
        real_archive(file) for file in DEFAULTS
    ]
    cost = Cost(Line(options.mbit * 1e6 / 8, options.delay_ms / 1e3), options.rounds, options.directory)
    for group in [archives] if options.together else [[archive] for archive in archives]:
        names = [TAR, CURL_TAR, ENVMGR, LOCKED, MISE, ASDF, *([UV] if group[0].name == PYTHON else [])]
        report(group, measure_installs(group, names, {ENVMGR: client.program, **peers}, cost))


def parse_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", nargs="*", metavar="ARCHIVE")
    parser.add_argument("-n", "--rounds", type=int, default=5)
    parser.add_argument("-d", "--directory", default=tempfile.gettempdir())
    parser.add_argument("--mbit", type=float, default=0.0)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--asdf", metavar="DIR", default=os.environ.get("ASDF"), help="a checkout of asdf")
    parser.add_argument("--envmgr", metavar="PROGRAM", help="measure this installation (the built wheel's)")
    return parser.parse_args()


def report(archives: Sequence[Archive], result: dict[str, list[Run]]) -> None:
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
