"""Running it: shims and the plans they source."""
