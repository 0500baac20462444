"""Use cases of deployments and environments."""
