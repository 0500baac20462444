"""`envmgr env`: PATH and the variables of the project's tools."""

from __future__ import annotations

import sys

from envmgr.cli.console import open_context, print_json, print_status
from envmgr.kit.usage_error import usage_error
from envmgr.ops.env import project_environment
from envmgr.shells import export

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.env import ProjectEnvironment
    from envmgr.resolve.active import ActiveVersion

_DEFAULT_SHELL = "sh"


def run(options: Options, shell: str | None, *, dotenv: bool) -> int:
    """Print the environment of the directory as code of a shell, a dotenv file or a JSON document."""
    _check_form(options, shell, dotenv=dotenv)
    environment = project_environment(open_context(options))
    if options.json:
        print_json({"schema": "envmgr/env/1", **_to_json(environment)})
        return 0
    _print_notes(options, environment)
    sys.stdout.write(_text(environment, shell, dotenv=dotenv))
    return 0


def _check_form(options: Options, shell: str | None, *, dotenv: bool) -> None:
    """Raise UsageError for several forms of the output, or an unsupported shell."""
    if [shell is not None, dotenv, options.json].count(True) > 1:
        raise usage_error("--shell, --dotenv and --json are mutually exclusive", "pass one of them")
    if shell is not None and shell not in export.SYNTAXES:
        raise usage_error(f"unsupported shell {shell}", f"use one of {', '.join(export.SYNTAXES)}")


def _text(environment: ProjectEnvironment, shell: str | None, *, dotenv: bool) -> str:
    if dotenv:
        return export.render_dotenv(environment.variables)
    return export.render(environment.variables, shell or _DEFAULT_SHELL)


def _print_notes(options: Options, environment: ProjectEnvironment) -> None:
    """Print on stderr which tools are missing, and which are not added to PATH."""
    if not (environment.missing or environment.excluded):
        return
    from envmgr.ops.activation import notes_of

    print_status(options, notes_of(environment.missing, environment.excluded))


def _to_json(environment: ProjectEnvironment) -> dict[str, object]:
    return {
        "path": list(environment.path),
        "variables": dict(environment.variables),
        "missing": [_tool_json(item) for item in environment.missing],
        "excluded": [_tool_json(item) for item in environment.excluded],
    }


def _tool_json(active_version: ActiveVersion) -> dict[str, object]:
    return {"tool": active_version.tool, "request": active_version.spec, "version": active_version.version}
