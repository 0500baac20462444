"""Typer declarations of `envmgr alm`, one file a command."""
