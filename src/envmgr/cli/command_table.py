"""Table of all commands, read by help, completion, suggestions and the parser."""

from __future__ import annotations

from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


@frozen
class CommandEntry:
    """A command: its name, its one-line help and the module that declares it."""

    name: str
    summary: str
    module: str


@frozen
class GroupEntry:
    """A group of commands: its name, help, example, the options of its own, and its commands by name."""

    name: str
    help: str
    example: str
    commands: Mapping[str, Entry]
    options: tuple[tuple[str, str], ...] = ()

    @property
    def summary(self) -> str:
        """Return the first paragraph of the help in one line."""
        return " ".join(self.help.partition("\n\n")[0].split())


if TYPE_CHECKING:
    Entry = CommandEntry | GroupEntry


def find_group(path: Sequence[str]) -> GroupEntry | None:
    """Return the group at a path of names below `envmgr`, or None."""
    entry: Entry | None = ENVMGR
    for name in path:
        entry = entry.commands.get(name) if isinstance(entry, GroupEntry) else None
    return entry if isinstance(entry, GroupEntry) else None


def _entries(entries: Iterable[Entry]) -> dict[str, Entry]:
    return {entry.name: entry for entry in entries}


def _commands(package: str, summaries: Mapping[str, str]) -> Iterator[CommandEntry]:
    """Yield the commands of a package that has a module for each."""
    for name, summary in summaries.items():
        yield CommandEntry(name, summary, f"{package}.{_MODULE_NAMES.get(name, name)}")


def _group(module: str, help_text: str, example: str, summaries: Mapping[str, str]) -> GroupEntry:
    """Return a group whose commands are all declared in one module, named as the group."""
    commands = _entries(CommandEntry(name, summary, module) for name, summary in summaries.items())
    return GroupEntry(module.rpartition(".")[2], help_text, example, commands)


_MODULE_NAMES = {
    "list": "list_",
    "exec": "exec_",
    "import": "import_",
    "x": "exec_",
    "activate": "activation",
    "deactivate": "activation",
    "setup": "activation",
    "uninstall": "maintenance.uninstall",
    "link": "maintenance.link",
    "outdated": "maintenance.outdated",
    "upgrade": "maintenance.upgrade",
    "prune": "maintenance.prune",
    "self-update": "maintenance.self_update",
}
"""Modules that are not named as their command: a word of Python, several commands in one module, or a package."""

_PACKAGE = "envmgr.cli.declarations"
_ALM_PACKAGE = "envmgr.cli.alm.declarations"
_CATALOG_PACKAGE = "envmgr.cli.catalog.declarations"
_EXCHANGE_PACKAGE = "envmgr.cli.declarations.exchange"
_SHELLS = "for bash, zsh, fish, elvish, nu, pwsh or xonsh (default: $SHELL)."

_ALM = GroupEntry(
    "alm",
    """\
Track builds, toolchains and deployments on an ALM server.

Global options (before or after the command): --url URL and --token TOKEN (default: stored login, or ENVMGR_ALM_URL and
ENVMGR_ALM_TOKEN; the token `-` is read from stdin).""",
    "envmgr alm push --tag v1.4.0",
    _entries(
        (
            *_commands(
                _ALM_PACKAGE,
                {
                    "login": "Sign in and store credentials.",
                    "logout": "Sign out: revoke the session and delete credentials.",
                    "whoami": "Show the signed-in user and its permissions.",
                    "password": "Change your password.",
                    "push": "Register a build with its lock file.",
                    "flush": "Deliver queued pushes, oldest first.",
                    "serve": "Run the server: one process, SQLite storage.",
                    "deploy": "Record a deployment of a version to an environment.",
                    "status": "Show the deployment matrix.",
                    "audit": "Show or verify the audit log.",
                    "affected": "Find deployed versions affected by a tool version.",
                    "diff": "Compare two versions or two environments.",
                    "checkout": "Restore a version's .envmgr and .envmgr.lock.",
                },
            ),
            _group(
                f"{_ALM_PACKAGE}.apps",
                "Manage apps.",
                "envmgr alm apps list",
                {
                    "list": "List apps by name.",
                    "show": "Show an app, its placements and latest versions.",
                    "create": "Register an app; `push` does so on first use.",
                    "update": "Update an app's name or description.",
                    "delete": "Delete an app, after confirmation.",
                },
            ),
            _group(
                f"{_ALM_PACKAGE}.versions",
                "Manage versions.",
                "envmgr alm versions show shop@1.4.0",
                {
                    "list": "List versions, newest first.",
                    "show": "Show a version: commit, build, tools and artifacts.",
                    "create": "Register a version by hand, without the defaults of `push`.",
                    "update": "Update a version's changelog or ref.",
                    "delete": "Delete a version, after confirmation.",
                },
            ),
            _group(
                f"{_ALM_PACKAGE}.deployments",
                "Manage deployments.",
                "envmgr alm deployments list --app shop",
                {
                    "list": "List deployments, newest first.",
                    "show": "Show a deployment and its history.",
                    "update": "Change a deployment's status; passes through in_progress.",
                },
            ),
            _group(
                f"{_ALM_PACKAGE}.keys",
                "Manage API keys for CI.",
                "envmgr alm keys create CI --app shop",
                {
                    "list": "List your API keys, newest first (admins: all keys).",
                    "create": "Create an API key and print it once.",
                    "revoke": "Revoke an API key immediately, after confirmation.",
                },
            ),
        )
    ),
)

ENVMGR = GroupEntry(
    "envmgr",
    """\
Project toolchains: install, lock and run exact tool versions.

Global options (before or after the command): --json (one JSON document on stdout; not exec and x), -q/--quiet,
-v/--verbose, -C/--cwd DIR, --offline and --yes.""",
    "envmgr use nodejs ^20 && node --version",
    _entries(
        (
            *_commands(
                _PACKAGE,
                {
                    "install": "Install the project's tools, or the named ones.",
                    "use": "Set versions in .envmgr; install and lock them.",
                    "unuse": "Remove tools from .envmgr and its lock.",
                    "list": "List installed versions, or with --remote available ones.",
                    "current": "Show the active version of each tool and its source.",
                    "which": "Print the path of the executable for a command.",
                    "where": "Print the directory a tool is installed in.",
                    "why": "Explain how a tool's version was resolved.",
                    "exec": "Run a command with the project's, or the named, tools.",
                    "env": "Print PATH and the variables of the project's tools.",
                    "x": "Run a command of tools that are installed if missing.",
                    "activate": "Print code that makes a shell follow the directory.",
                    "deactivate": "Restore the environment of an activated shell.",
                    "setup": "Add the line that activates a shell to its start file.",
                    "lock": "Write .envmgr.lock for all platforms, install nothing.",
                    "outdated": "Show newer versions of the project's tools.",
                    "upgrade": "Install and lock newer versions of the project's tools.",
                    "uninstall": "Remove installed versions.",
                    "link": "Use an installation that was made elsewhere.",
                    "prune": "Remove versions that no known project needs.",
                    "reshim": "Rewrite all shims, atomically.",
                    "doctor": "Diagnose problems and suggest fixes.",
                    "self-update": "Print the commands that update envmgr.",
                },
            ),
            *_commands(
                _EXCHANGE_PACKAGE,
                {
                    "import": "Write .envmgr from files of other version managers.",
                    "sbom": "Print the locked toolchain as a bill of materials.",
                },
            ),
            *_commands(
                _CATALOG_PACKAGE,
                {
                    "latest": "Print the newest version that a spec allows.",
                    "search": "Find tools with a manifest by name or description.",
                },
            ),
            _group(
                f"{_CATALOG_PACKAGE}.plugin",
                "Manage tool manifests.",
                "envmgr plugin add nodejs ./nodejs.json",
                {
                    "add": "Add a manifest from a path or URL, or from its parts.",
                    "list": "List all tools that have a manifest.",
                    "show": "Print a manifest.",
                    "remove": "Remove a manifest you added.",
                    "update": "Read added manifests again from their sources.",
                    "trust": "Allow a manifest's install script to run.",
                    "lint": "Report all issues of a manifest, each with its JSON path.",
                    "test": "Install a tool in a scratch directory and check it.",
                },
            ),
            _group(
                f"{_EXCHANGE_PACKAGE}.bundle",
                "Move a locked environment to machines without a network.",
                "envmgr bundle create tools.tar",
                {
                    "create": "Write the locked tools of the project to one file.",
                    "load": "Install from a bundle, without a network.",
                },
            ),
            _group(
                f"{_PACKAGE}.config",
                "Manage settings.",
                "envmgr config set minimum_release_age 7d",
                {
                    "list": "List all settings with value and origin.",
                    "get": "Print a setting's value.",
                    "set": "Set a setting's value.",
                    "unset": "Remove a setting from the file.",
                    "path": "Print the path of the settings file.",
                },
            ),
            _group(
                f"{_PACKAGE}.cache",
                "Manage the download cache.",
                "envmgr cache clear",
                {
                    "dir": "Print the cache directory.",
                    "list": "List cached files.",
                    "clear": "Remove all cached files.",
                },
            ),
            _ALM,
        )
    ),
    (
        ("--version", "Print the version and exit."),
        ("--show-completion", f"Print the completion script {_SHELLS}"),
        ("--install-completion", f"Install completion {_SHELLS}"),
    ),
)
"""All commands, in the order of the help."""
