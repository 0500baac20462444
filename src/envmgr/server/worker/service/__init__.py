"""Relay of outboxes and scheduler of jobs."""
