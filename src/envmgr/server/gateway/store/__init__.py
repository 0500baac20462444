"""The gateway's tables, and what is asked of them."""
