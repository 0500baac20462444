"""The schema of manifests, and its evaluation."""
