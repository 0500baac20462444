"""Environment plans for bash and zsh."""

from __future__ import annotations

from envmgr.shells import quoting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.shells.activation.environment_plan import Checks, EnvironmentPlan, Input

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
    return f"[[ {' && '.join(_iterate_conditions(checks))} ]]"


def _iterate_conditions(checks: Checks) -> Iterator[str]:
    yield f"${{ENVMGR_HOME:-$__envmgr_home}} = {quote(checks.home)}"
    if checks.mark:
        yield f"-f {quote(checks.mark)}"
    unset = "".join(f"${{{name}-}}" for name, value in checks.variables.items() if not value)
    if unset:
        yield f'-z "{unset}"'
    for name, value in checks.variables.items():
        if value:
            yield f'"${{{name}-}}" = {quote(value)}'
    for item in checks.inputs:
        yield _format_input(item, checks.mark)
    for directory, exists in checks.directories.items():
        yield f"{'' if exists else '! '}-d {quote(directory)}"


def _format_input(item: Input, mark: str) -> str:
    """Return the test of a file; zsh considers a missing one neither newer nor older."""
    path = quote(item.path)
    if item.mtime_ns is None:
        return f"! -f {path}"
    if not mark:
        return f"-f {path}"
    if not item.stamp:
        return f"-f {path} && ! {path} -nt {quote(mark)}"
    stamp = quote(item.stamp)
    return f"-f {path} && ! {path} -nt {stamp} && ! {path} -ot {stamp}"
