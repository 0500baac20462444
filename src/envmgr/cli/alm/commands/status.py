"""`envmgr alm status`: the matrix of apps and environments."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.cli.alm.connection import alm_client
from envmgr.cli.alm.output.matrix import RenderOptions, render_matrix
from envmgr.cli.alm.output.symbols import UNICODE_SYMBOLS, symbols_for
from envmgr.cli.console import print_result
from envmgr.cli.output.units import count_of
from envmgr.cli.output.wrap import fill
from envmgr.ops.alm.status import status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.alm.matrix import DeploymentRef, Grid
    from envmgr.cli.alm.output.matrix import RenderedMatrix
    from envmgr.cli.options import Options

SHOWN = 5
"""How many of the apps that stand nowhere are named."""


def run(options: Options, environment: str | None, app: str | None) -> int:
    """Show what stands where."""
    if environment is not None:
        refs.check_environment(environment)
    with alm_client(options) as api:
        found, now = status(api, environment, app), time.time()
    return print_result(
        options,
        "alm-status",
        lambda: {"matrix": found.answer, "apps": _rows(found.grid)},
        lambda style, width: _lines(found.grid, RenderOptions(style, symbols_for(style), width, now)),
    )


def _rows(grid: Grid) -> list[dict[str, object]]:
    """Say of each row what cannot be read off the server's answer at once."""
    return [
        {
            "app": row.app,
            "differs": row.differs,
            "behind": [name for name, cell in row.cells.items() if cell.is_outdated],
        }
        for row in grid.rows
    ]


def _lines(grid: Grid, look: RenderOptions) -> Iterator[str]:
    if not grid.rows:
        yield "nothing was deployed yet: `envmgr alm deploy APP@TAG --env ENV` begins it"
        yield from _nowhere(grid)
        return
    laid = render_matrix(grid, look)
    yield from laid.lines
    yield ""
    yield _summary(grid, look)
    for line in (*_legend(grid, look), *_cut(laid), *_nowhere(grid)):
        yield look.style.paint("dim", fill(line, look.width))


def _attempts(grid: Grid) -> list[DeploymentRef]:
    cells = [cell for row in grid.rows for cell in row.cells.values()]
    return [one for cell in cells for one in (cell.current, cell.latest_attempt) if one is not None]


def _summary(grid: Grid, look: RenderOptions) -> str:
    """Count what is there, and what deserves a look."""
    differing = sum(row.differs for row in grid.rows)
    failed = sum(one.status == "failed" for one in _attempts(grid))
    said = [("", f"{count_of(len(grid.rows), 'app')} in {count_of(len(grid.columns), 'environment')}")]
    if differing:
        said.append(("yellow", f"{differing} {'differs' if differing == 1 else 'differ'}"))
    if failed:
        said.append(("red", f"{failed} failed"))
    lines = fill(", ".join(text for _, text in said), look.width)
    for kind, text in said[1:]:
        lines = lines.replace(f" {text}", f" {look.style.paint(kind, text)}")
    return lines


def _legend(grid: Grid, look: RenderOptions) -> Iterator[str]:
    """Explain the signs that stand above, in the order of a deployment's life; words need no explanation."""
    used = {one.status for one in _attempts(grid)} if look.symbols is UNICODE_SYMBOLS else set()
    signs = [
        f"{sign} {state.replace('_', ' ')}" for state, sign in look.symbols.states.items() if state in used
    ]
    if any(row.differs for row in grid.rows):
        signs.append(f"{look.symbols.differs} versions differ")
    if signs:
        yield ", ".join(signs)


def _cut(laid: RenderedMatrix) -> Iterable[str]:
    return [f"{count_of(laid.cut, 'long name')} cut to fit: `--json` has them whole"] if laid.cut else []


def _nowhere(grid: Grid) -> Iterator[str]:
    """Name apps that have no row."""
    if grid.never_deployed:
        more = len(grid.never_deployed) - SHOWN
        named = ", ".join(grid.never_deployed[:SHOWN]) + (f" and {more} more" if more > 0 else "")
        where = f"in {grid.columns[0].name}" if len(grid.columns) == 1 else "anywhere"
        yield f"never deployed {where}: {named} (`envmgr alm apps list` shows all)"
