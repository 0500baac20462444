"""Resolution of requests to versions: the active version of each tool, its source and state."""
