"""Terminal output: style, tables, wrapping, progress."""
