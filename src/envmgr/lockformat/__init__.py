"""The lock file format: its values, names, URLs, reader and writer. Pure, shared by client and server."""
