"""Every command as typer knows it: names, arguments, options and help. The work is in the module each one calls."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

from envmgr.cli import usage_errors
from envmgr.cli.alm import global_options
from envmgr.cli.alm.app import alm_app
from envmgr.cli.console import print_json
from envmgr.cli.options import Options
from envmgr.kit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typer.core import TyperGroup

    from envmgr.cli.usage_errors import Command

COMMON = """
Every command takes, before or after its name: --json (one JSON document on stdout; not exec), -q/--quiet, -v/--verbose,
-C/--cwd DIR, --offline and --yes.
"""

app = typer.Typer(
    name="envmgr",
    help=f"Know and reproduce which tools built what runs where.\n{COMMON}",
    epilog="Example: envmgr use nodejs ^20 && node --version",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
plugin_app = typer.Typer(help="Manifests of tools: add, list, show, remove, lint.", no_args_is_help=True)
config_app = typer.Typer(help="The user's settings, each with its origin.", no_args_is_help=True)
cache_app = typer.Typer(help="The download cache.", no_args_is_help=True)
GROUPS = {"plugin": plugin_app, "config": config_app, "cache": cache_app, "alm": alm_app}
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name)


def run(options: Options, words: Sequence[str]) -> int:
    """Parse a command line and run its command; raise UsageError for one that makes no sense."""
    command = tree()
    if not options.json and words in ([], *([group] for group in GROUPS)):
        return _show_help(command, words)
    if words[:1] == ["alm"]:
        options, words = global_options.split(options, words)
    usage_errors.require_known_command(command, words)
    try:
        with (
            _collecting_help(options, words),
            command.make_context("envmgr", [*words], obj=options) as context,
        ):
            code = command.invoke(context)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except typer.Exit as stop:
        return stop.exit_code
    except typer.TyperException as error:
        raise usage_errors.to_usage_error(error) from None
    return code if isinstance(code, int) else 0


def tree() -> Command:
    """Return all commands as the parser knows them."""
    return cast("TyperGroup", typer.main.get_command(app))


def _show_help(command: Command, words: Sequence[str]) -> int:
    """Help whoever named no command."""
    with (
        contextlib.redirect_stdout(sys.stderr),
        contextlib.suppress(typer.Exit),
        command.make_context("envmgr", [*words, "--help"]) as context,
    ):
        command.invoke(context)
    return UsageError.exit_code


@contextlib.contextmanager
def _collecting_help(options: Options, words: Sequence[str]) -> Iterator[None]:
    """Make, for `--json`, a document of a help text."""
    if not options.json or not {"-h", "--help"} & {*words}:
        yield
        return
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):
            yield
    finally:
        print_json({"schema": "envmgr/help/1", "help": text.getvalue()})


def _print_version(wanted: bool) -> None:
    if wanted:
        from envmgr import __version__

        typer.echo(f"envmgr {__version__}")
        raise typer.Exit


SHELL_HELP = "for SHELL: bash, zsh, fish or pwsh; else for the one you use."


@app.callback()
def common(
    version: Annotated[  # noqa: ARG001 - its callback has done it
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    show_completion: Annotated[
        bool, typer.Option("--show-completion", help=f"Print the completion script {SHELL_HELP}")
    ] = False,
    install_completion: Annotated[
        bool, typer.Option("--install-completion", help=f"Install completion {SHELL_HELP}")
    ] = False,
) -> None:
    """Hold the options of envmgr itself."""
    if show_completion or install_completion:  # alone they never come here: see envmgr.cli.fast_path
        raise UsageError(
            "completion options stand alone, with at most a shell's name",
            "for example: envmgr --show-completion zsh",
        )


Tool = Annotated[str, typer.Argument(help="A tool: nodejs, pypi:ruff, npm:prettier.")]
Installed = Annotated[
    list[str],
    typer.Argument(metavar="TOOL@VERSION...", help="Installed versions."),
]
Force = Annotated[bool, typer.Option("--force", help="Install again what is there.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Tools at once; 0 lets envmgr choose.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, do nothing.")]


@app.command(epilog="Example: envmgr install nodejs@^20 python@3.12")
def install(
    ctx: typer.Context,
    tools: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOOL[@SPEC]... | TOOL SPEC [URL]]",
            help="What to install; everything the project asks for if nothing is named.",
        ),
    ] = None,
    locked: Annotated[
        bool, typer.Option("--locked", help="Fail unless .envmgr.lock has everything.")
    ] = False,
    force: Force = False,
    jobs: Jobs = 0,
    dry_run: DryRun = False,
) -> int:
    """Install what the project asks for, or the named tools.

    Then the lock is brought up to date, and so are the shims.
    """
    from envmgr.cli.commands import install as command
    from envmgr.resolve.install_plan import Options as How

    act = command.dry_run if dry_run else command.run
    return act(_options(ctx), tools or [], How(locked=locked, force=force, jobs=jobs))


@app.command(epilog="Example: envmgr use nodejs ^20")
def use(
    ctx: typer.Context,
    tool: Annotated[
        list[str],
        typer.Argument(metavar="TOOL SPEC", help="A tool and a version of it."),
    ],
    everywhere: Annotated[bool, typer.Option("--global", "-g", help="Set it for everywhere.")] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Write the exact version.")] = False,
) -> int:
    """Set a version in .envmgr; install and lock it.

    Other lines and comments of the file stay as they are.
    """
    from envmgr.cli.commands import install as command

    return command.run_use(_options(ctx), tool, everywhere=everywhere, pin=pin)


@app.command("list", epilog="Example: envmgr list --remote nodejs ^20")
def list_(
    ctx: typer.Context,
    tool: Annotated[str | None, typer.Argument(help="Only this tool.")] = None,
    spec: Annotated[str | None, typer.Argument(help="With --remote: only what matches.")] = None,
    remote: Annotated[
        bool, typer.Option("--remote", "-r", help="What can be installed, newest last.")
    ] = False,
) -> int:
    """Show what is installed, or with --remote could be."""
    from envmgr.cli.commands import list_ as command
    from envmgr.resolve.tool_specs import from_two_args, parse

    if not remote:
        if spec:
            raise UsageError("list takes a spec only with --remote", f"envmgr list --remote {tool} '{spec}'")
        return command.run(_options(ctx), tool)
    if tool is None:
        raise UsageError("list --remote needs a tool", "for example: envmgr list --remote nodejs")
    item = parse(tool) if spec is None else from_two_args(tool, spec)
    return command.run_remote(_options(ctx), item.tool, item.spec)


@app.command(epilog="Example: envmgr current --json")
def current(
    ctx: typer.Context,
    tool: Annotated[str | None, typer.Argument(help="Only this tool.")] = None,
) -> int:
    """Show the version of each tool here, and who decided it."""
    from envmgr.cli.commands import current as command

    return command.run(_options(ctx), tool)


@app.command(epilog="Example: envmgr which node")
def which(
    ctx: typer.Context,
    command: Annotated[str, typer.Argument(help="A command.")],
) -> int:
    """Print the path of what runs for a command here."""
    from envmgr.cli.commands import which as module

    return module.run(_options(ctx), command)


@app.command(epilog="Example: envmgr where nodejs@20")
def where(
    ctx: typer.Context,
    tool: Annotated[list[str], typer.Argument(metavar="TOOL[@SPEC]", help="A tool.")],
) -> int:
    """Print the directory a tool is installed in."""
    from envmgr.cli.commands import where as command

    if len(tool) > 2:  # noqa: PLR2004 - TOOL SPEC
        raise UsageError("where takes one tool", "for example: envmgr where nodejs@20")
    return command.run(_options(ctx), tool)


@app.command(epilog="Example: envmgr why nodejs")
def why(ctx: typer.Context, tool: Tool) -> int:
    """Explain why a tool has the version it has here.

    Shows every place that was considered, the lock, what matches, and what was rejected and why.
    """
    from envmgr.cli.commands import why as command

    return command.run(_options(ctx), tool)


@app.command("exec", epilog="Example: envmgr exec nodejs@20 -- npm test")
def exec_(
    words: Annotated[list[str] | None, typer.Argument(metavar="[TOOL@SPEC...] -- CMD ARGS...")] = None,
) -> int:
    """Run a command with the project's, or the named, tools."""
    example = "for example: envmgr exec nodejs@20 -- node --version"
    if not words:
        raise UsageError("exec needs a command after --", example)
    raise UsageError(  # a command line with its `--` never comes here: see envmgr.cli.fast_path
        f"exec needs -- in front of the command, and tools before it: {' '.join(words)}", example
    )


@app.command(epilog="Example: envmgr lock --platform linux-arm64")
def lock(
    ctx: typer.Context,
    tools: Annotated[
        list[str] | None,
        typer.Argument(help="Choose the versions of these anew."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 with a diff unless the lock is right.")
    ] = False,
    platform: Annotated[
        list[str] | None, typer.Option("--platform", help="Lock for this platform too (repeatable).")
    ] = None,
) -> int:
    """Write .envmgr.lock for all platforms, install nothing.

    Locked versions that still match stay; those of the named tools are chosen anew.
    """
    from envmgr.cli.commands import lock as command

    if check and (tools or platform):
        raise UsageError("lock --check checks the lock as it is", "leave the tools and platforms out")
    return (
        command.run_check(_options(ctx)) if check else command.run(_options(ctx), tools or [], platform or [])
    )


@app.command(epilog="Example: envmgr uninstall nodejs@20.1.0")
def uninstall(ctx: typer.Context, tools: Installed, dry_run: DryRun = False) -> int:
    """Remove installed versions."""
    from envmgr.cli.commands import uninstall as command

    return command.run(_options(ctx), tools, dry_run=dry_run)


@app.command(epilog="Example: npm install --global typescript && envmgr reshim")
def reshim(ctx: typer.Context) -> int:
    """Rewrite all shims, atomically."""
    from envmgr.cli.commands import uninstall as command

    return command.run_reshim(_options(ctx))


@app.command(epilog="Example: envmgr doctor --fix")
def doctor(
    ctx: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended.")] = False,
) -> int:
    """Look for what is wrong, and say what to do.

    Checks PATH, shims, permissions, unfinished and damaged installs, manifests and the network.
    """
    from envmgr.cli.commands import doctor as command

    return command.run(_options(ctx), fix=fix)


@plugin_app.command("add", epilog="Example: envmgr plugin add nodejs ./nodejs.json")
def plugin_add(
    ctx: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar="NAME SOURCE | NAME VERSIONS_URL BIN_TEMPLATE [DOWNLOAD_TEMPLATE]"),
    ],
    trust: Annotated[bool, typer.Option("--trust", help="Let its install script run.")] = False,
) -> int:
    """Add a manifest from a path or URL, or from its parts."""
    from envmgr.cli.commands import plugin as command

    return command.run_add(_options(ctx), words, trust=trust)


@plugin_app.command("list", epilog="Example: envmgr plugin list")
def plugin_list(ctx: typer.Context) -> int:
    """Show every tool that has a manifest."""
    from envmgr.cli.commands import plugin as command

    return command.run_list(_options(ctx))


@plugin_app.command("show", epilog="Example: envmgr plugin show nodejs")
def plugin_show(ctx: typer.Context, name: Tool) -> int:
    """Print a manifest."""
    from envmgr.cli.commands import plugin as command

    return command.run_show(_options(ctx), name)


@plugin_app.command("remove", epilog="Example: envmgr plugin remove nodejs")
def plugin_remove(ctx: typer.Context, name: Tool) -> int:
    """Remove a manifest you added."""
    from envmgr.cli.commands import plugin as command

    return command.run_remove(_options(ctx), name)


@plugin_app.command("lint", epilog="Example: envmgr plugin lint ./nodejs.json")
def plugin_lint(ctx: typer.Context, target: Annotated[str, typer.Argument(metavar="FILE_OR_NAME")]) -> int:
    """Report every issue of a manifest, each with its JSON path."""
    from envmgr.cli.commands import plugin as command

    return command.run_lint(_options(ctx), target)


Setting = Annotated[str, typer.Argument(help="A setting.")]


@config_app.command("list", epilog="Example: envmgr config list")
def config_list(ctx: typer.Context) -> int:
    """Show every setting with its value and origin."""
    from envmgr.cli.commands import config as command

    return command.run_list(_options(ctx))


@config_app.command("get", epilog="Example: envmgr config get jobs")
def config_get(ctx: typer.Context, name: Setting) -> int:
    """Print a setting's value."""
    from envmgr.cli.commands import config as command

    return command.run_get(_options(ctx), name)


@config_app.command("set", epilog="Example: envmgr config set minimum_release_age 7d")
def config_set(ctx: typer.Context, name: Setting, value: str) -> int:
    """Write a setting."""
    from envmgr.cli.commands import config as command

    return command.run_set(_options(ctx), name, value)


@config_app.command("unset", epilog="Example: envmgr config unset jobs")
def config_unset(ctx: typer.Context, name: Setting) -> int:
    """Take a setting out of the file."""
    from envmgr.cli.commands import config as command

    return command.run_unset(_options(ctx), name)


@config_app.command("path", epilog="Example: envmgr config path")
def config_path(ctx: typer.Context) -> int:
    """Print the path of the settings file."""
    from envmgr.cli.commands import config as command

    return command.run_path(_options(ctx))


@cache_app.command("dir", epilog="Example: envmgr cache dir")
def cache_dir(ctx: typer.Context) -> int:
    """Print the cache's directory."""
    from envmgr.cli.commands import cache as command

    return command.run_dir(_options(ctx))


@cache_app.command("list", epilog="Example: envmgr cache list")
def cache_list(ctx: typer.Context) -> int:
    """Show what is cached."""
    from envmgr.cli.commands import cache as command

    return command.run_list(_options(ctx))


@cache_app.command("clear", epilog="Example: envmgr cache clear")
def cache_clear(ctx: typer.Context) -> int:
    """Remove all that is cached."""
    from envmgr.cli.commands import cache as command

    return command.run_clear(_options(ctx))


def _options(ctx: typer.Context) -> Options:
    return ctx.obj if isinstance(ctx.obj, Options) else Options()
