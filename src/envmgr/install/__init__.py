"""Installation of releases: download, verify, extract, build, store."""
