"""Declarations of commands about the catalog."""
