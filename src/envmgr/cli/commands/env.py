"""`envmgr env`: PATH and the variables of the project's tools."""

from __future__ import annotations

import sys

from envmgr.cli.console import open_context, print_json, print_status
from envmgr.kit.usage_error import usage_error
from envmgr.ops.env import project_environment
from envmgr.shells import export

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.cli.options import Options
    from envmgr.ops.env import ProjectEnvironment
    from envmgr.resolve.active import ActiveVersion

_DEFAULT_SHELL = "sh"


def run(options: Options, shell: str | None, *, dotenv: bool, github: str | None = None) -> int:
    """Print the environment of the directory as code of a shell, a file of a program or a JSON document."""
    _check_form(options, shell, dotenv=dotenv, github=github)
    environment = project_environment(open_context(options))
    if options.json:
        print_json({"schema": "envmgr/env/1", **_to_json(environment)})
        return 0
    _print_notes(options, environment)
    sys.stdout.write(_text(environment, shell, dotenv=dotenv, github=github))
    return 0


def _check_form(options: Options, shell: str | None, *, dotenv: bool, github: str | None) -> None:
    """Raise UsageError for several forms of the output, or an unsupported shell or file."""
    if [shell is not None, dotenv, github is not None, options.json].count(True) > 1:
        raise usage_error("--shell, --dotenv, --github and --json are mutually exclusive", "pass one of them")
    if github is not None and github not in GITHUB_FILES:
        raise usage_error(f"unsupported file {github}", f"use one of {', '.join(GITHUB_FILES)}")
    if shell is not None and shell not in export.SYNTAXES:
        raise usage_error(f"unsupported shell {shell}", f"use one of {', '.join(export.SYNTAXES)}")


def _text(environment: ProjectEnvironment, shell: str | None, *, dotenv: bool, github: str | None) -> str:
    if github is not None:
        return GITHUB_FILES[github](environment)
    if dotenv:
        return export.render_dotenv(environment.variables)
    return export.render(environment.variables, shell or _DEFAULT_SHELL)


def _github_env(environment: ProjectEnvironment) -> str:
    """Return GITHUB_ENV without PATH, which GITHUB_PATH extends."""
    return export.render_github_env(
        {name: value for name, value in environment.variables.items() if name != "PATH"}
    )


def _github_path(environment: ProjectEnvironment) -> str:
    return export.render_github_path(environment.path)


GITHUB_FILES: dict[str, Callable[[ProjectEnvironment], str]] = {"env": _github_env, "path": _github_path}
"""The files by which a step of GitHub Actions sets the environment of later steps."""


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
        "files": list(environment.files),
    }


def _tool_json(active_version: ActiveVersion) -> dict[str, object]:
    return {"tool": active_version.tool, "request": active_version.spec, "version": active_version.version}
