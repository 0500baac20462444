"""The version service: builds, their toolchains, and deployments affected by a tool range."""
