"""Authentication of requests: credentials, throttling, response encryption."""
