"""`envmgr doctor`: diagnose problems and fix them."""

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
    """Print all findings; return 1 if finding is an error."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        findings = doctor.fix(context) if fix else doctor.diagnose(context)
    print_outcome(
        options,
        "doctor",
        lambda: {"findings": [_to_json(finding) for finding in findings]},
        lambda style, width: _lines(findings, style, width),
    )
    return 1 if any(finding.state == doctor.ERROR for finding in findings) else 0


def _to_json(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check,
        "state": finding.state,
        "message": finding.message,
        "hint": finding.hint,
        "fixed": finding.fixed,
    }


def _lines(findings: Sequence[Finding], style: Style, width: int) -> Iterable[str]:
    for finding in findings:
        kind, mark = ("green", "+") if finding.fixed else _MARKS[finding.state]
        label = f"{mark} {finding.check}: "
        painted = f"{style.paint(kind, mark)} {style.paint('bold', finding.check)}: "
        yield painted + fill(finding.message, width, len(label), 4)
        if finding.hint:
            yield f"  {style.paint('hint', 'hint:')} {fill(finding.hint, width, len('  hint: '), 4)}"
