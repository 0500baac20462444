"""SQL of deployments, environments and placements."""
