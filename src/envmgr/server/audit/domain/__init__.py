"""Rules of the audit log: entries, checkpoints, filters."""
