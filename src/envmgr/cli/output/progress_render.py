"""Rendering of active tasks: a line each, for the terminal's width, without I/O."""

from __future__ import annotations

from envmgr.cli.output.table import ELLIPSIS, display_width
from envmgr.cli.output.units import part, size
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.output.style import Style

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
MIN_WIDTH_FOR_BARS = 72
_MIN_NAME_WIDTH, _MIN_BAR_WIDTH, _MAX_BAR_WIDTH = 14, 8, 40
_STEP_WIDTH, _AMOUNT_WIDTH, _SPEED_WIDTH = len("downloading"), len("99.9/99.9 MiB"), len("99.9 MiB/s")


@frozen
class Task:
    """A task's current step: `done` of `total` bytes, if known, at `speed` bytes a second."""

    name: str
    step: str
    done: int = 0
    total: int | None = None
    speed: float | None = None

    @property
    def bytes_text(self) -> str:
        """Return the amount done."""
        if self.total:
            return part(min(self.done, self.total), self.total)
        return size(self.done) if self.done else ""

    @property
    def speed_text(self) -> str:
        """Return the speed."""
        return f"{size(self.speed)}/s" if self.speed else ""


@frozen
class _Columns:
    name: int
    step: int
    bar: int
    amount: int
    speed: int


def render(tasks: Sequence[Task], width: int, frame: int, style: Style) -> list[str]:
    """Return a line a task; a narrow terminal drops bars first, then speeds, then parts of names."""
    if not tasks:
        return []
    columns = _columns(tasks, width)
    return [_line(task, columns, SPINNER[frame % len(SPINNER)], style) for task in tasks]


def _columns(tasks: Sequence[Task], width: int) -> _Columns:
    name = max(display_width(task.name) for task in tasks)
    step = max(_STEP_WIDTH, *(len(task.step) for task in tasks))
    amount = max(_AMOUNT_WIDTH, *(len(task.bytes_text) for task in tasks))
    speed = max(_SPEED_WIDTH, *(len(task.speed_text) for task in tasks))
    free = width - len("⠋ ") - name - 1 - step - 1 - amount - 1 - speed
    if width >= MIN_WIDTH_FOR_BARS and free - 1 >= _MIN_BAR_WIDTH:
        return _Columns(name, step, min(free - 1, _MAX_BAR_WIDTH), amount, speed)
    if free < 0 and name + free < _MIN_NAME_WIDTH:
        speed, free = 0, free + speed + 1
    return _Columns(max(min(name, name + free), 1), step, 0, amount, speed)


def _line(task: Task, columns: _Columns, spinner: str, style: Style) -> str:
    name = truncate_middle(task.name, columns.name)
    cells = [
        ("cyan", spinner, 1),
        ("bold", name, columns.name),
        ("dim", task.step, columns.step),
        ("green", _bar(task, columns.bar), columns.bar),
        ("", task.bytes_text.rjust(columns.amount), columns.amount),
        ("dim", task.speed_text.rjust(columns.speed), columns.speed),
    ]
    visible = (_cell(kind, text, width, style) for kind, text, width in cells if width)
    return " ".join(visible).rstrip()


def _cell(kind: str, text: str, width: int, style: Style) -> str:
    padding = " " * (width - display_width(text))
    return (style.paint(kind, text) if kind and text.strip() else text) + padding


def _bar(task: Task, width: int) -> str:
    if not task.total or not width:
        return ""
    full = min(task.done * width // task.total, width)
    return "━" * full + "╺" * (full < width)


def truncate_middle(text: str, width: int) -> str:
    """Truncate a name in the middle: the start names the tool, the end the version."""
    if display_width(text) <= width:
        return text
    head = (width - 1) // 2
    tail = width - 1 - head
    return _within(text, head) + ELLIPSIS + _within(text[::-1], tail)[::-1]


def _within(text: str, width: int) -> str:
    """Return the longest prefix of a text that fits a width."""
    while display_width(text) > width:
        text = text[:-1]
    return text
