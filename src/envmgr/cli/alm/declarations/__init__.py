"""Typer declarations of `envmgr alm`."""
