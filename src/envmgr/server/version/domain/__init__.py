"""Rules of versions: content, lock parsing, range matching."""
