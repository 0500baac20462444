"""Commands about the catalog: manifests of tools, and their releases upstream."""
