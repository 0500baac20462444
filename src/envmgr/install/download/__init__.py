"""Downloads: cache, resuming, digests and signatures."""
