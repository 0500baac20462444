"""The deployment service: environments, deployments, and what stands where."""
