"""REST API of versions."""
