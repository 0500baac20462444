"""The typer application of `envmgr alm`: all of its commands."""

from __future__ import annotations

import typer

from envmgr.cli.alm.declarations import (
    affected,
    apps,
    audit,
    checkout,
    deploy,
    deployments,
    diff,
    flush,
    keys,
    login,
    logout,
    password,
    push,
    serve,
    status,
    versions,
    whoami,
)

HELP = """
Track builds, toolchains and deployments on an ALM server.

Global options (before or after the command): --url URL and --token TOKEN (default: stored login, or ENVMGR_ALM_URL and
ENVMGR_ALM_TOKEN; the token `-` is read from stdin).
"""
COMMANDS = (
    login,
    logout,
    whoami,
    password,
    push,
    flush,
    serve,
    deploy,
    status,
    audit,
    affected,
    diff,
    checkout,
)
"""The declarations of commands, in the order of the help."""
GROUPS = {"apps": apps, "versions": versions, "deployments": deployments, "keys": keys}

alm_app = typer.Typer(help=HELP, epilog="Example: envmgr alm push --tag v1.4.0", no_args_is_help=True)
for _declaration in COMMANDS:
    alm_app.add_typer(_declaration.app)
for _name, _group in GROUPS.items():
    alm_app.add_typer(_group.app, name=_name)
