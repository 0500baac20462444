"""Background jobs, stored in the databases of their services."""
