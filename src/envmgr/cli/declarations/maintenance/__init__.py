"""Declarations of the commands that update and remove installed versions."""
