"""Use cases of versions."""
