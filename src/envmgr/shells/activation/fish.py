"""Environment plans for fish."""

from __future__ import annotations

from envmgr.shells.activation.file_tests import file_tests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.shells.activation.environment_plan import Checks, EnvironmentPlan


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
    for name, value in checks.variables.items():
        if value:
            yield f'"x${name}" = {quote("x" + value)}'
    yield from file_tests(checks, quote)
