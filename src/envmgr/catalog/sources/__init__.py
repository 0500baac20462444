"""The kinds of place a list of releases comes from, one module a kind."""
