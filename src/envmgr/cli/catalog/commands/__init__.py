"""Bodies of commands about the catalog."""
