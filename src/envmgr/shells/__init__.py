"""Running tools: shims, plans, and execution."""
