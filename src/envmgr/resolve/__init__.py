"""From requests to a decision: which version of which tool applies, from where, and whether it is installed."""
