"""Archive formats: reading, safety checks, extraction."""
