"""The deployment service: environments, deployments and placements."""
