"""Outbox, inbox, event bus and dead letters."""
