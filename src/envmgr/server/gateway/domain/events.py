"""The types of events that the gateway tells."""

from __future__ import annotations

LOGIN_SUCCEEDED, LOGIN_FAILED, LOGGED_OUT = "LoginSucceeded", "LoginFailed", "LoggedOut"
REFRESH_REUSED, PASSWORD_CHANGED = "RefreshReused", "PasswordChanged"
ACCESS_DENIED, TOKEN_EXCHANGED = "AccessDenied", "TokenExchanged"
USER_CREATED, USER_UPDATED, USER_DELETED = "UserCreated", "UserUpdated", "UserDeleted"
API_KEY_CREATED, API_KEY_REVOKED = "ApiKeyCreated", "ApiKeyRevoked"
BINDING_CREATED, BINDING_DELETED = "BindingCreated", "BindingDeleted"
