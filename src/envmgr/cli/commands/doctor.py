"""`envmgr doctor`: what is wrong, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import open_context, print_outcome
from envmgr.cli.output import progress
from envmgr.cli.output.wrap import fill
from envmgr.ops import doctor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.doctor import Finding

_MARKS = {doctor.OK: ("green", "✓"), doctor.WARNING: ("yellow", "!"), doctor.ERROR: ("red", "✗")}


def run(options: Options, *, fix: bool) -> int:
    """Show every finding; exit 1 if one is an error."""
    with progress.show_progress(options) as watcher:
        context = open_context(options, watcher)
        findings = doctor.fix(context) if fix else doctor.diagnose(context)
    print_outcome(
        options,
        "doctor",
        lambda: {"findings": [_entry(one) for one in findings]},
        lambda style, width: _lines(findings, style, width),
    )
    return 1 if any(one.state == doctor.ERROR for one in findings) else 0


def _entry(one: Finding) -> dict[str, object]:
    return {
        "check": one.check,
        "state": one.state,
        "message": one.message,
        "hint": one.hint,
        "fixed": one.fixed,
    }


def _lines(findings: Sequence[Finding], style: Style, width: int) -> Iterable[str]:
    for one in findings:
        kind, mark = ("green", "+") if one.fixed else _MARKS[one.state]
        label = f"{mark} {one.check}: "
        painted = f"{style.paint(kind, mark)} {style.paint('bold', one.check)}: "
        yield painted + fill(one.message, width, len(label), 4)
        if one.hint:
            yield f"  {style.paint('hint', 'hint:')} {fill(one.hint, width, len('  hint: '), 4)}"
