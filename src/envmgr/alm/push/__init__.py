"""Pushes: provenance, artifacts, spool, delivery."""
