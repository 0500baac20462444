"""Locks between processes: the system's, and lock files where a file system has none."""
