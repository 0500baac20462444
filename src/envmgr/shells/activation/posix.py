"""Environment plans for bash and zsh."""

from __future__ import annotations

from envmgr.shells import quoting
from envmgr.shells.activation.file_tests import file_tests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.shells.activation.environment_plan import Checks, EnvironmentPlan

quote = quoting.posix


def render(planned: EnvironmentPlan) -> str:
    """Return a plan as functions and variables that the activation script uses."""
    exports = "".join(f"__envmgr_export {name} {quote(value)}\n" for name, value in planned.exports.items())
    return (
        f"__envmgr_is_current() {{\n{_format_condition(planned.checks)}\n}}\n"
        f"__envmgr_project={quote(planned.project)}\n"
        f"__envmgr_dirs={quote(':'.join(planned.path))}\n"
        f"__envmgr_note={quote(planned.note)}\n"
        f"__envmgr_set_variables() {{\n{exports}:\n}}\n"
    )


def _format_condition(checks: Checks) -> str:
    if not checks.is_settled:
        return "return 1"
    return f"{' && '.join(_iterate_comparisons(checks))} && [[ {' && '.join(_iterate_tests(checks))} ]]"


def _iterate_comparisons(checks: Checks) -> Iterator[str]:
    """Yield the comparisons of variables; in bash, `[[` ignores case with `nocasematch`, `[` never does."""
    yield f'[ "${{ENVMGR_HOME:-$__envmgr_home}}" = {quote(checks.home)} ]'
    unset = "".join(f"${{{name}-}}" for name, value in checks.variables.items() if not value)
    if unset:
        yield f'[ -z "{unset}" ]'
    for name, value in checks.variables.items():
        if value:
            yield f'[ "${{{name}-}}" = {quote(value)} ]'


def _iterate_tests(checks: Checks) -> Iterator[str]:
    yield "1"
    yield from file_tests(checks, quote)
