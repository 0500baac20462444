"""Rules of Windows that Python leaves to its callers."""
