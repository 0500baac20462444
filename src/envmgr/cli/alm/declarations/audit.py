"""Declaration of `envmgr alm audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.alm.declarations.params import Limit
from envmgr.cli.completion import completers
from envmgr.cli.options import options_of
from envmgr.kit.errors import UsageError

app = typer.Typer()


@app.command(epilog="Example: envmgr alm audit --verify --checkpoint saved.json")
def audit(  # noqa: PLR0913 - a parameter is an option
    ctx: typer.Context,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new entries as they arrive.")] = False,
    limit: Limit = 50,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="WHO", help="Filter by actor: ada, key:4, …")
    ] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Filter by event type: VersionCreated, …")
    ] = None,
    resource: Annotated[
        str | None,
        typer.Option(
            "--resource", metavar="RESOURCE", help="Filter by resource and all below it: shop, app/7, …"
        ),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Verify the whole log locally.")] = False,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="With --verify: compare with saved checkpoints.",
            autocompletion=completers.complete_file,
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="With --verify: read an export, not the server.",
            autocompletion=completers.complete_file,
        ),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(
            "--export",
            metavar="FILE",
            help="Write the whole log to a file.",
            autocompletion=completers.complete_file,
        ),
    ] = None,
    save_checkpoint: Annotated[
        str | None,
        typer.Option(
            "--save-checkpoint",
            metavar="FILE",
            help="Save a signed checkpoint to a file.",
            autocompletion=completers.complete_file,
        ),
    ] = None,
) -> int:
    """Show or verify the audit log.

    --verify checks the hash chain, sequence numbers and checkpoints locally.

    Truncation or replacement of the whole log is detected only with a checkpoint stored elsewhere: --save-checkpoint
    saves one.
    """
    from envmgr.cli.alm.commands import audit as command
    from envmgr.ops.alm.audit import Filter

    filters = Filter(actor, event_type, resource)
    verify_options = command.VerifyOptions(verify, file, checkpoint, export, save_checkpoint)
    if verify_options != command.VerifyOptions():
        if follow or filters != Filter():
            raise UsageError(
                "verify and export cover the whole log and take no filters",
                "omit --follow, --actor, --type and --resource",
            )
        return command.run_verify(options_of(ctx), verify_options)
    run = command.run_follow if follow else command.run
    return run(options_of(ctx), filters, limit)
