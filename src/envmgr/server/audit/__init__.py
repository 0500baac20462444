"""Audit service: an append-only, tamper-evident event log."""
