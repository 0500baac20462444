"""The audit service: what happened, in a log that only grows and shows when it was tampered with."""
