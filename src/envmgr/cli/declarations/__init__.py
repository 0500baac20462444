"""Typer declarations of the top-level commands, one file a command."""
