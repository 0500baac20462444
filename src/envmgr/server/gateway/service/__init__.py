"""Use cases of identity and access."""
