"""REST API of deployments and environments."""
