"""The picture for the README: a bar chart for each of some rows, shorter is faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from report.rows import ASDF, CURL_TAR, DIRECT, ENVMGR, MISE, PYENV, PYTHON, SH, UV
from report.text import format_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from report.document import Run
    from report.results import Result


class Panel(NamedTuple):
    """A chart: the title, the row, the ways in it, and whether bars are what a way adds to the baseline."""

    title: str
    row: str
    ways: tuple[str, ...]
    is_added: bool = False


class Bar(NamedTuple):
    """A bar: its label, figure and text."""

    label: str
    figure: float
    text: str


_INSTALLS = (ENVMGR, CURL_TAR, MISE, ASDF, UV)
_COMMANDS = (ENVMGR, PYTHON, MISE, ASDF, PYENV)
PANELS = (
    Panel("A shim adds to running the tool", "shim", (ENVMGR, SH, MISE, PYENV, ASDF), is_added=True),
    Panel("Prompt hook, nothing changed", "hook-idle", (ENVMGR, MISE)),
    Panel("current", "current", _COMMANDS),
    Panel("install, nothing to do", "install-idle", _COMMANDS),
    Panel("install node.tar.gz", "node-gz", _INSTALLS),
    Panel("install zig.tar.xz", "zig-xz", _INSTALLS),
    Panel("install cpython.tar.gz", "cpython-gz", _INSTALLS),
    Panel("install zig.tar.xz at 100 Mbit/s", "zig-slow", _INSTALLS),
)
LABELS = {PYTHON: "bare Python", SH: "sh that only execs"}

_WIDTH, _PANEL_WIDTH, _MARGIN, _GAP = 880, 410, 20, 20
_TITLE_HEIGHT, _BAR_HEIGHT, _BAR_STEP, _LABEL_WIDTH, _TEXT_WIDTH = 34, 14, 22, 128, 72
_HEADER_HEIGHT, _FOOTER_HEIGHT = 46, 34
_STYLE = """
text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.head{font-weight:600;font-size:15px}.title{font-weight:600}.note{font-size:11px;fill:#59636e}
.page{fill:#ffffff}.bar{fill:#b6bfc9}.ours{fill:#1a7f64}.own{font-weight:600}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#9198a1}.page{fill:#0d1117}.bar{fill:#4a5361}.ours{fill:#2fb391}}
"""


def render_svg(run: Run) -> str:
    """Return the picture of a run, as far as its rows were measured."""
    results = {result.row.name: result for result in run.results}
    charts = [
        (panel.title, panel_bars(panel, results[panel.row])) for panel in PANELS if panel.row in results
    ]
    rows = [charts[start : start + 2] for start in range(0, len(charts), 2)]
    body, y = [], _HEADER_HEIGHT
    for row in rows:
        for column, (title, bars) in enumerate(row):
            body += _panel(title, bars, _MARGIN + column * (_PANEL_WIDTH + _GAP), y)
        y += _TITLE_HEIGHT + _BAR_STEP * max(len(bars) for _, bars in row)
    return _page(run, body, y + _FOOTER_HEIGHT)


def panel_bars(panel: Panel, result: Result) -> list[Bar]:
    """Return the bars of a chart, the shortest first."""
    base = result.values[DIRECT] if panel.is_added else 0.0
    figures = {way: result.values[way] - base for way in panel.ways if way in result.values}
    unit = result.row.unit
    bars = [Bar(LABELS.get(way, way), figure, format_figure(figure, unit)) for way, figure in figures.items()]
    return sorted(bars, key=lambda bar: bar.figure)


def _panel(title: str, bars: Sequence[Bar], x: int, y: int) -> list[str]:
    longest = max(bar.figure for bar in bars)
    room = _PANEL_WIDTH - _LABEL_WIDTH - _TEXT_WIDTH
    lines = [f'<text class="title" x="{x}" y="{y + 20}">{escape(title)}</text>']
    for index, bar in enumerate(bars):
        lines += _bar(bar, x, y + _TITLE_HEIGHT + index * _BAR_STEP, room / longest)
    return lines


def _bar(bar: Bar, x: int, y: int, scale: float) -> list[str]:
    width = max(1.0, bar.figure * scale)
    is_own = bar.label == ENVMGR
    start, kind, text = x + _LABEL_WIDTH, "ours" if is_own else "bar", ' class="own"' if is_own else ""
    return [
        f'<text{text} x="{start - 8}" y="{y + 11}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="{kind}" x="{start}" y="{y}" width="{width:.1f}" height="{_BAR_HEIGHT}" rx="2"/>',
        f'<text{text} x="{start + width + 6:.1f}" y="{y + 11}">{escape(bar.text)}</text>',
    ]


def _page(run: Run, body: Sequence[str], height: int) -> str:
    head = "Shorter is faster: medians of commands run in turn"
    note = f"{run.date} · {' · '.join(run.machine.values())}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"<title>{escape(head)}</title><style>{_STYLE}</style>",
            f'<rect class="page" width="{_WIDTH}" height="{height}" rx="6"/>',
            f'<text class="head" x="{_MARGIN}" y="30">{escape(head)}</text>',
            *body,
            f'<text class="note" x="{_MARGIN}" y="{height - 14}">{escape(note)}</text>',
            "</svg>\n",
        ]
    )
