"""The tool catalog: manifests, the registry of tools, and sources of releases."""
