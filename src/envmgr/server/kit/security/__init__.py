"""Tokens, passwords, OIDC, keys and redaction."""
