"""The table of what is fast: envmgr beside its peers, `curl | tar` and direct execution, in one run.

    python benchmarks/table.py [--quick] [--only ROW]… [--json FILE]       measure, and print the table
    python benchmarks/table.py --from FILE [--svg FILE] [--markdown] [--update-docs]

envmgr is the built wheel, installed by pip into a new virtual environment. All are whole commands, run in turn;
figures are medians, ratios those of the same rounds. mise and uv are installed from the machine's registries, pyenv is
the one on PATH, asdf a checkout (`--asdf DIR`, or the variable ASDF) or the one on PATH. Several `--from` are read as
one run: of a row that several have, the last one's figures.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING

from report import document, documentation, svg, text
from report.rows import ENVMGR, ROWS
from support.client import CACHE, CHECKOUT, install_client, use_client
from support.peers.discovery import find_peers
from support.suites import alm_commands, cold_installs, commands, growth, hooks, picking, shims
from support.suites.setting import Setting

from support.machine import MEMORY_DIRECTORY, describe_machine, describe_version

if TYPE_CHECKING:
    from collections.abc import Collection

    from report.results import Samples

QUICK_EFFORT = 0.15
ROOM_BYTES = 2 << 30  # the largest trees, and room for archives


Suite = Callable[[Setting, "Collection[str]"], "dict[str, Samples]"]
"""A function that measures the named rows."""
SUITES: dict[tuple[str, ...], Suite] = {
    suite.ROWS: suite.measure_rows
    for suite in (shims, hooks, commands, growth, alm_commands, cold_installs, picking)
}


def main() -> None:
    """Measure or read a run, and print, write or publish it."""
    options = parse_options()
    run = document.merge([read_run(path) for path in options.source]) if options.source else measure(options)
    write_files(run, options)
    if options.update_docs:
        documentation.update_documents(CHECKOUT, run)
    print(text.render_markdown(run) if options.markdown else text.render_text(run), end="")


def write_files(run: document.Run, options: argparse.Namespace) -> None:
    """Write the document and the picture: of a new run always, else where options name files."""
    directory = "" if options.source else CACHE
    files = {
        options.json or (directory and os.path.join(directory, "table.json")): document.encode,
        options.svg or (directory and os.path.join(directory, "table.svg")): svg.render_svg,
    }
    for path, render in files.items():
        if path:
            write_file(path, render(run))
            print(f"wrote {path}", file=sys.stderr)


def parse_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few rounds (three minutes), which shows no more than that it works",
    )
    parser.add_argument("--only", action="append", metavar="ROW", choices=[row.name for row in ROWS])
    parser.add_argument("--json", metavar="FILE", help="write the run (.bench/table.json)")
    parser.add_argument(
        "--from", action="append", dest="source", metavar="FILE", help="read a run, measure nothing"
    )
    parser.add_argument("--svg", metavar="FILE", help="write the picture (.bench/table.svg)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument(
        "--update-docs", action="store_true", help="write the figures into README.md and docs/"
    )
    parser.add_argument("--asdf", metavar="DIR", default=os.environ.get("ASDF"), help="a checkout of asdf")
    parser.add_argument("--envmgr", metavar="PROGRAM", help="measure this installation (the built wheel's)")
    parser.add_argument("-d", "--directory", default=default_directory(), help="where archives are unpacked")
    return parser.parse_args()


def default_directory() -> str:
    """Return a directory in memory if there is one with room: a disk's speed is the same for all."""
    has_room = os.access(MEMORY_DIRECTORY, os.W_OK) and shutil.disk_usage(MEMORY_DIRECTORY).free > ROOM_BYTES
    return MEMORY_DIRECTORY if has_room else tempfile.gettempdir()


def read_run(path: str) -> document.Run:
    """Return the run of a document."""
    with open(path, encoding="utf-8") as file:
        return document.decode(file.read())


def measure(options: argparse.Namespace) -> document.Run:
    """Return the samples of the chosen rows."""
    client = use_client(options.envmgr) if options.envmgr else install_client(CACHE)
    peers = find_peers(CACHE, options.asdf)
    setting = Setting(client, peers, options.directory, QUICK_EFFORT if options.quick else 1.0)
    names = set(options.only or [row.name for row in ROWS])
    samples: dict[str, Samples] = {}
    for rows, measure_rows in SUITES.items():
        if chosen := names.intersection(rows):
            print(f"measuring {', '.join(name for name in rows if name in chosen)}", file=sys.stderr)
            samples |= measure_rows(setting, chosen)
    return document.Run(
        dt.datetime.now(dt.UTC).date().isoformat(),
        describe_machine(options.directory),
        {ENVMGR: describe_version(client.program), **peers.versions},
        peers.unavailable,
        samples,
    )


def write_file(path: str, content: str) -> None:
    """Write a file, and its directory."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


if __name__ == "__main__":
    main()
