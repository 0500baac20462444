"""What a push sends: provenance, artifacts, the spool."""
