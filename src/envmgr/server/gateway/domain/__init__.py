"""Rules, requests and resources of identity and access."""
