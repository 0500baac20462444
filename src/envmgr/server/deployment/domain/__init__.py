"""Rules of deployments and environments."""
