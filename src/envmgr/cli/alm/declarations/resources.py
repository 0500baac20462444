"""Commands for what the server has on record: apps, versions, deployments. Names, arguments, options and help."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.alm.declarations.params import STATES, Environment, Reason, State
from envmgr.cli.alm.group import alm_app, options_of

apps_app = typer.Typer(help="Apps: list, show, create, update, delete.", no_args_is_help=True)
versions_app = typer.Typer(help="Versions: list, show, create, update, delete.", no_args_is_help=True)
deployments_app = typer.Typer(help="Deployments: list, show, update.", no_args_is_help=True)
alm_app.add_typer(apps_app, name="apps")
alm_app.add_typer(versions_app, name="versions")
alm_app.add_typer(deployments_app, name="deployments")

App = Annotated[str, typer.Argument(metavar="APP", help="An app, by its name or number.")]
Version = Annotated[
    list[str], typer.Argument(metavar="APP@TAG", help="A version: APP@TAG, APP TAG, APP:ENV or its number.")
]
OfApp = Annotated[str | None, typer.Option("--app", help="Only of this app.")]
Limit = Annotated[int, typer.Option("--limit", min=0, help="How many to show; 0: all.")]
Number = Annotated[int, typer.Argument(metavar="ID", min=1, help="A deployment's number.")]


@apps_app.command("list", epilog="Example: envmgr alm apps list")
def apps_list(ctx: typer.Context, limit: Limit = 0) -> int:
    """Show apps by name."""
    from envmgr.cli.alm.commands import apps

    return apps.run_list(options_of(ctx), limit)


@apps_app.command("show", epilog="Example: envmgr alm apps show shop")
def apps_show(ctx: typer.Context, app: App) -> int:
    """Show an app, where it stands, and its newest versions."""
    from envmgr.cli.alm.commands import apps

    return apps.run_show(options_of(ctx), app)


@apps_app.command("create", epilog="Example: envmgr alm apps create shop --description 'The shop'")
def apps_create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name: letters, digits, . _ and -.")],
    description: Annotated[str, typer.Option("--description", help="What it is.")] = "",
    version: Annotated[
        str | None, typer.Option("--version", metavar="TAG", help="Register this version of it too.")
    ] = None,
) -> int:
    """Register an app; `push` does it by itself."""
    from envmgr.cli.alm.commands import apps

    return apps.run_create(options_of(ctx), name, description, version)


@apps_app.command("update", epilog="Example: envmgr alm apps update shop --name store")
def apps_update(
    ctx: typer.Context,
    app: App,
    name: Annotated[str | None, typer.Option("--name", help="Its new name.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="What it is.")] = None,
) -> int:
    """Change an app's name or description."""
    from envmgr.cli.alm.commands import apps

    return apps.run_update(options_of(ctx), app, name, description)


@apps_app.command("delete", epilog="Example: envmgr alm apps delete shop")
def apps_delete(
    ctx: typer.Context,
    app: App,
    force: Annotated[bool, typer.Option("--force", help="Also when versions of it stand somewhere.")] = False,
) -> int:
    """Delete an app, after asking."""
    from envmgr.cli.alm.commands import apps

    return apps.run_delete(options_of(ctx), app, force=force)


@versions_app.command("list", epilog="Example: envmgr alm versions list --app shop")
def versions_list(
    ctx: typer.Context,
    app: OfApp = None,
    commit: Annotated[str | None, typer.Option("--commit", help="Only those of this commit.")] = None,
    lock: Annotated[
        str | None, typer.Option("--lock", metavar="DIGEST", help="Only those built with this lock.")
    ] = None,
    limit: Limit = 50,
) -> int:
    """Show versions, newest first."""
    from envmgr.cli.alm.commands import versions
    from envmgr.ops.alm.versions import Filter

    return versions.run_list(options_of(ctx), Filter(app, commit, lock), limit)


@versions_app.command("show", epilog="Example: envmgr alm versions show shop@1.4.0")
def versions_show(ctx: typer.Context, version: Version) -> int:
    """Show a version: its commit and build, its tools, its artifacts."""
    from envmgr.cli.alm.commands import versions

    return versions.run_show(options_of(ctx), version)


@versions_app.command(
    "create", epilog="Example: envmgr alm versions create shop@1.4.0 --lock .envmgr.lock --dotfile .envmgr"
)
def versions_create(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    *,
    version: Annotated[
        list[str], typer.Argument(metavar="APP@TAG", help="A new version: APP@TAG or APP TAG.")
    ],
    commit: Annotated[str, typer.Option("--commit", help="The commit it was built from.")] = "",
    ref: Annotated[str, typer.Option("--ref", help="The branch it was built from.")] = "",
    changelog: Annotated[str, typer.Option("--changelog", help="What is new in it.")] = "",
    artifact: Annotated[
        list[str] | None,
        typer.Option("--artifact", metavar="NAME=DIGEST", help="What was built (repeatable)."),
    ] = None,
    lock: Annotated[
        str | None, typer.Option("--lock", metavar="FILE", help="The .envmgr.lock it was built with.")
    ] = None,
    dotfile: Annotated[
        str | None, typer.Option("--dotfile", metavar="FILE", help="The .envmgr of that lock.")
    ] = None,
) -> int:
    """Register a version by hand; `push` does it with what is known here."""
    from envmgr.cli.alm.commands import versions

    said = versions.VersionInput(commit, ref, changelog, tuple(artifact or ()), lock, dotfile)
    return versions.run_create(options_of(ctx), version, said)


@versions_app.command("update", epilog="Example: envmgr alm versions update shop@1.4.0 --changelog 'Faster'")
def versions_update(
    ctx: typer.Context,
    version: Version,
    changelog: Annotated[str | None, typer.Option("--changelog", help="What is new in it.")] = None,
    ref: Annotated[str | None, typer.Option("--ref", help="The branch it was built from.")] = None,
) -> int:
    """Change what is said of a version; what was built, and with what, stays as it is."""
    from envmgr.cli.alm.commands import versions

    return versions.run_update(options_of(ctx), version, changelog, ref)


@versions_app.command("delete", epilog="Example: envmgr alm versions delete shop@1.4.0")
def versions_delete(ctx: typer.Context, version: Version) -> int:
    """Delete a version, after asking."""
    from envmgr.cli.alm.commands import versions

    return versions.run_delete(options_of(ctx), version)


@deployments_app.command("list", epilog="Example: envmgr alm deployments list --app shop --env prod")
def deployments_list(
    ctx: typer.Context,
    app: OfApp = None,
    environment: Environment = None,
    status: Annotated[
        State | None, typer.Option("--status", help="Only those in this state.", show_choices=False)
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only those somebody asked for.")] = None,
    limit: Limit = 50,
) -> int:
    """Show deployments, newest first."""
    from envmgr.cli.alm.commands import deployments
    from envmgr.ops.alm.deployments import Filter

    return deployments.run_list(options_of(ctx), Filter(app, environment, status, actor), limit)


@deployments_app.command("show", epilog="Example: envmgr alm deployments show 9")
def deployments_show(ctx: typer.Context, deployment: Number) -> int:
    """Show a deployment and its history."""
    from envmgr.cli.alm.commands import deployments

    return deployments.run_show(options_of(ctx), deployment)


@deployments_app.command("update", epilog="Example: envmgr alm deployments update 9 --status successful")
def deployments_update(
    ctx: typer.Context,
    deployment: Number,
    status: Annotated[
        State, typer.Option("--status", help=f"Where it is now: {STATES}.", show_choices=False)
    ],
    reason: Reason = "",
) -> int:
    """Take a deployment further; what is successful or failed was in progress first."""
    from envmgr.cli.alm.commands import deployments

    return deployments.run_update(options_of(ctx), deployment, status, reason)
