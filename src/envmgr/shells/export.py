"""Environment variables as code of a shell, as a file of variables, or as files of GitHub Actions."""

from __future__ import annotations

from envmgr.shells import quoting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Syntax = tuple[Callable[[str], str], str]
    """How a value is quoted, and the statement that exports it."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,@%+=-")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "$": "\\$", "`": "\\`", "\n": "\\n", "\r": "\\r"}


def render(variables: Mapping[str, str], shell: str) -> str:
    """Return the code that sets variables in a shell of `SYNTAXES`."""
    quote, statement = SYNTAXES[shell]()
    return "".join(
        statement.format(name=name, value=quote(value)) + "\n" for name, value in variables.items()
    )


def render_dotenv(variables: Mapping[str, str]) -> str:
    """Return variables as a dotenv file.

    Its dialects differ in escapes, so values are quoted only if they must be, preferably by single quotes.
    """
    return "".join(f"{name}={_quote_dotenv(value)}\n" for name, value in variables.items())


def _quote_dotenv(value: str) -> str:
    if _PLAIN.issuperset(value):
        return value
    if not {"'", "\n", "\r"}.intersection(value):
        return f"'{value}'"
    return '"' + "".join(_ESCAPES.get(character, character) for character in value) + '"'


def render_github_env(variables: Mapping[str, str]) -> str:
    """Return variables as lines of GITHUB_ENV, each value between delimiters that it does not contain."""
    return "".join(_github_variable(name, value) for name, value in variables.items())


def _github_variable(name: str, value: str) -> str:
    delimiter = "END"
    while delimiter in value:
        delimiter += "_"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def render_github_path(directories: Iterable[str]) -> str:
    """Return directories of PATH as lines of GITHUB_PATH, whose last line is the first directory.

    Raise ConfigError for a line break, which lines cannot contain.
    """
    lines = [*directories][::-1]
    for line in lines:
        _require_one_line(line)
    return "".join(f"{line}\n" for line in lines)


def _require_one_line(directory: str) -> None:
    if "\n" in directory or "\r" in directory:
        from envmgr.kit.errors import ConfigError

        raise ConfigError(
            f"cannot add {directory!r} to GITHUB_PATH: it contains a line break",
            "set ENVMGR_HOME to another directory",
        )


def _posix() -> Syntax:
    return quoting.posix, "export {name}={value}"


def _fish() -> Syntax:
    from envmgr.shells.activation import fish

    return fish.quote, "set -gx {name} {value}"


def _elvish() -> Syntax:
    from envmgr.shells.activation import elvish

    return elvish.quote, "set-env {name} {value}"


def _nu() -> Syntax:
    from envmgr.shells.activation import nu

    return nu.quote, "$env.{name} = {value}"


def _xonsh() -> Syntax:
    return repr, "${name} = {value}"


def _pwsh() -> Syntax:
    from envmgr.shells.activation import powershell

    return powershell.quote, "$env:{name} = {value}"


SYNTAXES: dict[str, Callable[[], Syntax]] = {
    "sh": _posix,
    "bash": _posix,
    "zsh": _posix,
    "fish": _fish,
    "elvish": _elvish,
    "nu": _nu,
    "pwsh": _pwsh,
    "xonsh": _xonsh,
}
"""The syntaxes by the names of shells."""
