"""Updating and removing installed versions."""
