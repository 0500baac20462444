"""Service modules and health checks."""
