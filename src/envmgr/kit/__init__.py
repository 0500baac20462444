"""Domain-free infrastructure: errors, values, paths, files, platforms, HTTP."""
