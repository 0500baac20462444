"""`envmgr alm status`: the matrix of apps and environments."""

from __future__ import annotations

import time

from envmgr.alm import refs
from envmgr.cli.alm.connection import alm_client
from envmgr.cli.alm.output.matrix import RenderOptions, render_matrix
from envmgr.cli.alm.output.symbols import UNICODE_SYMBOLS, symbols_for
from envmgr.cli.console import print_result
from envmgr.cli.output.units import count_of
from envmgr.cli.output.wrap import fill
from envmgr.ops.alm.status import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.alm.matrix import DeploymentRef, Grid
    from envmgr.cli.alm.output.matrix import RenderedMatrix
    from envmgr.cli.options import Options

MAX_APPS_NAMED = 5
"""Apps without a deployment that are named."""


def run(options: Options, environment: str | None, app: str | None) -> int:
    """Print the deployment matrix."""
    if environment is not None:
        refs.check_environment(environment)
    with alm_client(options) as api:
        result, now = status(api, environment, app), time.time()
    return print_result(
        options,
        "alm-status",
        lambda: {"matrix": result.document, "apps": _rows(result.grid)},
        lambda style, width: _lines(result.grid, RenderOptions(style, symbols_for(style), width, now)),
    )


def _rows(grid: Grid) -> list[dict[str, object]]:
    """Return for each row what the server's matrix does not contain directly."""
    return [
        {
            "app": row.app,
            "differs": row.differs,
            "behind": [name for name, cell in row.cells.items() if cell.is_outdated],
        }
        for row in grid.rows
    ]


def _lines(grid: Grid, render_options: RenderOptions) -> Iterator[str]:
    if not grid.rows:
        yield "no deployments yet; start one with `envmgr alm deploy APP@TAG --env ENV`"
        yield from _not_deployed(grid)
        return
    rendered = render_matrix(grid, render_options)
    yield from rendered.lines
    yield ""
    yield _summary(grid, render_options)
    for line in (*_legend(grid, render_options), *_truncation_note(rendered), *_not_deployed(grid)):
        yield render_options.style.paint("dim", fill(line, render_options.width))


def _attempts(grid: Grid) -> list[DeploymentRef]:
    cells = [cell for row in grid.rows for cell in row.cells.values()]
    return [
        attempt for cell in cells for attempt in (cell.current, cell.latest_attempt) if attempt is not None
    ]


def _summary(grid: Grid, render_options: RenderOptions) -> str:
    """Return the counts of apps and environments, differences and failures."""
    differing = sum(row.differs for row in grid.rows)
    failed = sum(attempt.status == "failed" for attempt in _attempts(grid))
    parts = [("", f"{count_of(len(grid.rows), 'app')} in {count_of(len(grid.columns), 'environment')}")]
    if differing:
        parts.append(("yellow", f"{differing} {'differs' if differing == 1 else 'differ'}"))
    if failed:
        parts.append(("red", f"{failed} failed"))
    lines = fill(", ".join(text for _, text in parts), render_options.width)
    for kind, text in parts[1:]:
        lines = lines.replace(f" {text}", f" {render_options.style.paint(kind, text)}")
    return lines


def _legend(grid: Grid, render_options: RenderOptions) -> Iterator[str]:
    """Yield the legend of the symbols above, in the order of a deployment's statuses."""
    used = (
        {attempt.status for attempt in _attempts(grid)}
        if render_options.symbols is UNICODE_SYMBOLS
        else set()
    )
    signs = [
        f"{sign} {state.replace('_', ' ')}"
        for state, sign in render_options.symbols.states.items()
        if state in used
    ]
    if any(row.differs for row in grid.rows):
        signs.append(f"{render_options.symbols.differs} versions differ")
    if signs:
        yield ", ".join(signs)


def _truncation_note(rendered: RenderedMatrix) -> Iterable[str]:
    return (
        [f"{count_of(rendered.cut, 'name')} truncated; use `--json` for full names"] if rendered.cut else []
    )


def _not_deployed(grid: Grid) -> Iterator[str]:
    """Yield the apps that have no row."""
    if grid.never_deployed:
        more = len(grid.never_deployed) - MAX_APPS_NAMED
        names = ", ".join(grid.never_deployed[:MAX_APPS_NAMED]) + (f" and {more} more" if more > 0 else "")
        where = f"in {grid.columns[0].name}" if len(grid.columns) == 1 else "anywhere"
        yield f"not deployed {where}: {names} (run `envmgr alm apps list` to list all)"
