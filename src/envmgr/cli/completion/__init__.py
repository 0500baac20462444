"""Shell completion: scripts and candidates."""
