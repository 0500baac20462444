"""Commands that deploy, and that ask what stands where, what changed and who did it: names, options and help."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.alm.declarations.params import STATES, Environment, Reason, State
from envmgr.cli.alm.group import alm_app, options_of
from envmgr.kit.errors import UsageError


@alm_app.command("deploy", epilog="Example: envmgr alm deploy shop@1.4.0 --env prod --status successful")
def deploy(
    ctx: typer.Context,
    *,
    version: Annotated[
        list[str],
        typer.Argument(metavar="APP@TAG", help="A version: APP@TAG, APP TAG, its number, or APP:ENV."),
    ],
    environment: Annotated[str, typer.Option("--env", "-e", metavar="ENV", help="Where it goes.")],
    status: Annotated[
        State | None,
        typer.Option("--status", help=f"Take it there at once: {STATES}.", show_choices=False),
    ] = None,
    reason: Reason = "",
    new_env: Annotated[
        bool, typer.Option("--new-env", help="Make it, though another differs in letter case only.")
    ] = False,
) -> int:
    """Record a version going to an environment.

    APP:ENV is what stands in ENV of the app: `deploy shop:staging --env prod` promotes it.
    """
    from envmgr.cli.alm.commands import deploy as command

    return command.run(options_of(ctx), version, command.DeployOptions(environment, status, reason, new_env))


@alm_app.command("status", epilog="Example: envmgr alm status --env prod")
def status(
    ctx: typer.Context,
    environment: Environment = None,
    app: Annotated[str | None, typer.Option("--app", help="Only this app.")] = None,
) -> int:
    """Show what stands where, and since when."""
    from envmgr.cli.alm.commands import status as command

    return command.run(options_of(ctx), environment, app)


@alm_app.command("audit", epilog="Example: envmgr alm audit --verify --checkpoint kept.json")
def audit(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on showing entries as they come.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many to show; 0: all.")] = 50,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what they did: ada, key:4, …")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only this: VersionCreated, …")] = None,
    resource: Annotated[str | None, typer.Option("--resource", help="Only of this: shop, app/7, …")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check the whole log, here.")] = False,
    checkpoint: Annotated[
        str | None,
        typer.Option("--checkpoint", metavar="FILE", help="With --verify: check against what was kept."),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="With --verify: an export; asks no server.")
    ] = None,
    export: Annotated[
        str | None, typer.Option("--export", metavar="FILE", help="Write the whole log to a file.")
    ] = None,
    save_checkpoint: Annotated[
        str | None,
        typer.Option("--save-checkpoint", metavar="FILE", help="Keep a signed checkpoint in a file."),
    ] = None,
) -> int:
    """Show who did what, or verify the log.

    --verify checks here, entry by entry, that nobody changed the log since it was written.

    A log that was cut, or made anew, shows only against a checkpoint kept elsewhere: --save-checkpoint keeps one.
    """
    from envmgr.cli.alm.commands import audit as command
    from envmgr.ops.alm.audit import Filter

    which = Filter(actor, event_type, resource)
    checks = command.VerifyOptions(verify, file, checkpoint, export, save_checkpoint)
    if checks != command.VerifyOptions():
        if follow or which != Filter():
            raise UsageError(
                "the whole log is verified and exported: nothing can be left out of it",
                "leave --follow, --actor, --type and --resource out",
            )
        return command.run_verify(options_of(ctx), checks)
    run = command.run_follow if follow else command.run
    return run(options_of(ctx), which, limit)


@alm_app.command("affected", epilog="Example: envmgr alm affected nodejs '<20.11.1' --env prod")
def affected(
    ctx: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar="TOOL RANGE", help="A tool and which versions of it: nodejs '<20.11.1'."),
    ],
    environment: Environment = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when something matches.")
    ] = False,
) -> int:
    """Show what runs on some versions of a tool.

    What cannot be told is listed apart: versions that cannot be compared, and what came without a lock.
    """
    from envmgr.cli.alm.commands import affected as command

    return command.run(options_of(ctx), words, environment, exit_code=exit_code)


@alm_app.command("diff", epilog="Example: envmgr alm diff shop:staging shop:prod")
def diff(
    ctx: typer.Context,
    before: Annotated[str, typer.Argument(metavar="A", help="APP@TAG, APP:ENV, a number, or ENV.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    app: Annotated[str | None, typer.Option("--app", help="Of two environments: only this app.")] = None,
) -> int:
    """Compare two versions, or two environments.

    Shows commits, tools of the toolchain and artifacts that differ.
    """
    from envmgr.cli.alm.commands import diff as command

    return command.run(options_of(ctx), before, after, app)


@alm_app.command("checkout", epilog="Example: envmgr alm checkout shop:prod && envmgr install --locked")
def checkout(
    ctx: typer.Context,
    version: Annotated[
        list[str], typer.Argument(metavar="APP@TAG|APP:ENV|ENV", help="Whose tools; ENV: of the app here.")
    ],
    app: Annotated[str | None, typer.Option("--app", help="With ENV: of this app.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that differ.")] = False,
) -> int:
    """Write the tools of a version here.

    These are the .envmgr and .envmgr.lock that it was built with; the lock is verified before.
    """
    from envmgr.cli.alm.commands import checkout as command

    return command.run(options_of(ctx), version, app, force=force)
