"""Declarations of the commands that exchange data with other programs."""
