"""HTTP middleware, request and response helpers, and the server loop."""
