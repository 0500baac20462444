"""The lock file format, shared by client and server: its values, names, URLs, reader and writer."""
