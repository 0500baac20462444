"""The types of events that services tell one another; their shape is `kit.event`."""

from __future__ import annotations

APP_CREATED, APP_UPDATED, APP_DELETED = "AppCreated", "AppUpdated", "AppDeleted"
VERSION_CREATED, VERSION_UPDATED, VERSION_DELETED = "VersionCreated", "VersionUpdated", "VersionDeleted"
DEPLOYMENT_CREATED, DEPLOYMENT_UPDATED, DEPLOYMENT_DELETED = (
    "DeploymentCreated",
    "DeploymentUpdated",
    "DeploymentDeleted",
)
ENVIRONMENT_CREATED, ENVIRONMENT_UPDATED, ENVIRONMENT_DELETED = (
    "EnvironmentCreated",
    "EnvironmentUpdated",
    "EnvironmentDeleted",
)
AUTO_DEPLOY_SKIPPED = "AutoDeploySkipped"

EVENT_TYPES = frozenset(
    {
        *(APP_CREATED, APP_UPDATED, APP_DELETED),
        *(VERSION_CREATED, VERSION_UPDATED, VERSION_DELETED),
        *(DEPLOYMENT_CREATED, DEPLOYMENT_UPDATED, DEPLOYMENT_DELETED),
        *(ENVIRONMENT_CREATED, ENVIRONMENT_UPDATED, ENVIRONMENT_DELETED),
        AUTO_DEPLOY_SKIPPED,
        *("LoginSucceeded", "LoginFailed", "LoggedOut", "RefreshReused", "PasswordChanged"),
        *("AccessDenied", "TokenExchanged"),
        *("UserCreated", "UserUpdated", "UserDeleted"),
        *("ApiKeyCreated", "ApiKeyRevoked", "BindingCreated", "BindingDeleted"),
    }
)
"""Every type that there is, those of the gateway too, which only the audit hears of."""

ALL_EVENTS = "*"
"""Subscribes to every type."""
