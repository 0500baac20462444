"""Domain-free infrastructure of the services, by concern."""
