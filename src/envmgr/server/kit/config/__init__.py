"""Server settings and the data directory."""
