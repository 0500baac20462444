"""Shared vocabulary without I/O: clock, ids, problems, request context, results, events."""
