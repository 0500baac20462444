"""HTTP client: requests, retries, proxies, TLS, errors."""
