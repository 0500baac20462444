"""Problems of the services that cross a port, and the registry by which a remote port rebuilds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.kit.common import problems as common
from envmgr.server.kit.common.problems import (
    Conflict,
    Forbidden,
    Problem,
    ServiceUnavailable,
    Unauthenticated,
    Unprocessable,
    slug_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class AppInUse(Conflict):
    """Versions of the app are deployed."""

    slug, title = "app-in-use", "App has active deployments"


class InvalidLock(Unprocessable):
    """The lock file cannot be parsed."""

    slug, title = "invalid-lock", "Invalid lock file"


class LockDigestMismatch(Unprocessable):
    """The lock file does not have the digest sent with it."""

    slug, title = "lock-digest-mismatch", "Lock digest mismatch"


class VersionContentMismatch(Conflict):
    """The version exists with other content, which is immutable; carries the differences and both digests."""

    slug, title = "version-content-mismatch", "Version exists with different content"


class VersionInUse(Conflict):
    """The version is deployed."""

    slug, title = "version-in-use", "Version has active deployments"


class ProjectionBehind(ServiceUnavailable):
    """Recent deployments are not processed yet."""

    slug, title = "projection-behind", "Recent deployments are still being processed"


class InvalidTransition(Conflict):
    """The deployment has no transition to this status; carries the allowed ones."""

    slug, title = "invalid-transition", "Invalid status transition"


class DeploymentActive(Conflict):
    """Another deployment of the app to the environment is active; carries its address and status."""

    slug, title = "deployment-active", "Deployment already active"


class DeploymentInUse(Conflict):
    """The deployment is active, current, or the latest attempt at its placement."""

    slug, title = "deployment-in-use", "Deployment in use"


class BeingDeleted(Conflict):
    """The app or the version is being deleted."""

    slug, title = "being-deleted", "App or version is being deleted"


class EnvironmentBlocked(Conflict):
    """The environment is blocked, and the caller may not override that."""

    slug, title = "environment-blocked", "Environment blocked"


class EnvironmentInUse(Conflict):
    """The environment has deployments."""

    slug, title = "environment-in-use", "Environment has deployments"


class SelfApprovalForbidden(Forbidden):
    """Another user than the creator of the deployment must approve it."""

    slug, title = "self-approval-forbidden", "Approval by another user required"


class InvalidCredentials(Unauthenticated):
    """The username or the password is wrong."""

    slug, title = "invalid-credentials", "Invalid username or password"


class RefreshTokenReused(Unauthenticated):
    """A refresh token was used twice, so that it may have been stolen."""

    slug, title = "refresh-token-reused", "Refresh token reused"


class LastAdmin(Conflict):
    """The change would leave no active admin."""

    slug, title = "last-admin", "Last admin"


class TokenRefused(Problem):
    """The token cannot be exchanged; `error` is a code of RFC 6749."""

    slug, title, status = "token-refused", "Token exchange refused", 400


PROBLEM_TYPES: Mapping[str, type[Problem]] = {
    problem_type.slug: problem_type
    for problem_type in (
        common.BadRequest,
        common.InvalidFields,
        common.Unauthenticated,
        common.InvalidServiceToken,
        common.Forbidden,
        common.NotFound,
        common.MethodNotAllowed,
        common.RequestTimeout,
        common.Conflict,
        common.AlreadyExists,
        common.PreconditionFailed,
        common.TooLarge,
        common.UnsupportedMedia,
        common.Unprocessable,
        common.IdempotencyKeyReused,
        common.IdempotencyKeyInUse,
        common.PreconditionRequired,
        common.TooManyRequests,
        common.ServiceUnavailable,
        common.PoolExhausted,
        common.InternalError,
        AppInUse,
        InvalidLock,
        LockDigestMismatch,
        VersionContentMismatch,
        VersionInUse,
        ProjectionBehind,
        InvalidTransition,
        DeploymentActive,
        DeploymentInUse,
        BeingDeleted,
        EnvironmentBlocked,
        EnvironmentInUse,
        SelfApprovalForbidden,
        InvalidCredentials,
        RefreshTokenReused,
        LastAdmin,
        TokenRefused,
    )
}
"""Every problem that may cross a port, by its slug."""


def problem_from_document(
    document: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Problem:
    """Return the problem of a document; an unknown slug is a generic `Problem` with the same document."""
    return PROBLEM_TYPES.get(slug_of(document), Problem).from_document(document, headers)
