"""HTTP client of the ALM server: transport, credentials, errors."""
