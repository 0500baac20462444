"""What exists: manifests, the registry of tools, and where their releases are listed."""
