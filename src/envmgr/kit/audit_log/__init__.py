"""The audit log's format: canonical JSON, hash chain, signed checkpoints."""
