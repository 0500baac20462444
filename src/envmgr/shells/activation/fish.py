"""Environment plans for fish."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.shells.activation.environment_plan import Checks, EnvironmentPlan, Input


def quote(text: str) -> str:
    """Quote one word of fish's command line."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def render(planned: EnvironmentPlan) -> str:
    """Return a plan as functions and variables that the activation script uses."""
    exports = "".join(f"__envmgr_export {name} {quote(value)}\n" for name, value in planned.exports.items())
    directories = " ".join(quote(directory) for directory in planned.path)
    return (
        f"function __envmgr_is_current\n{_format_condition(planned.checks)}\nend\n"
        f"set -g __envmgr_project {quote(planned.project)}\n"
        f"set -g __envmgr_dirs {directories}\n"
        f"set -g __envmgr_note {quote(planned.note)}\n"
        f"function __envmgr_set_variables\n{exports}end\n"
    )


def _format_condition(checks: Checks) -> str:
    """Return one call of `test`; the script itself checks ENVMGR_HOME."""
    return f"test {' -a '.join(_iterate_conditions(checks))}" if checks.is_settled else "return 1"


def _iterate_conditions(checks: Checks) -> Iterator[str]:
    unset = "".join(f"${name}" for name, value in checks.variables.items() if not value)
    yield f'-z "{unset}"'
    if checks.mark:
        yield f"-f {quote(checks.mark)}"
    for name, value in checks.variables.items():
        if value:
            yield f'"x${name}" = {quote("x" + value)}'
    for item in checks.inputs:
        yield _format_input(item, checks.mark)
    for directory, exists in checks.directories.items():
        yield f"{'' if exists else '! '}-d {quote(directory)}"


def _format_input(item: Input, mark: str) -> str:
    """Return the test of a file; a missing one is older than any."""
    path = quote(item.path)
    if item.mtime_ns is None:
        return f"! -f {path}"
    if not mark:
        return f"-f {path}"
    if not item.stamp:
        return f"-f {path} -a ! {path} -nt {quote(mark)}"
    stamp = quote(item.stamp)
    return f"! {path} -nt {stamp} -a ! {path} -ot {stamp}"
