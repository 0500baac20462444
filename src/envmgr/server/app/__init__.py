"""App service: registry of apps."""
