"""What knows no domain: errors, values, paths, files, platforms, HTTP."""
