"""The worker: carries events out of outboxes, runs background jobs, and counts what happens."""
