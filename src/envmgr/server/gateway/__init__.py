"""Identity and access: users, sessions, API keys and OIDC federation."""
