"""Conflicts between a version and a submission under the same tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.version.domain import version_model
from envmgr.server.version.domain.content_differences import content_differences
from envmgr.server.version.store import version_rows

if TYPE_CHECKING:
    from envmgr.server.contracts.resources import Version
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.problems import AlreadyExists
    from envmgr.server.kit.db.sql import Reader
    from envmgr.server.version.domain.content_differences import FieldDifference
    from envmgr.server.version.domain.version_model import VersionSubmission


def require_same_content(
    reader: Reader, context: RequestContext, version: Version, submission: VersionSubmission
) -> None:
    """Raise VersionContentMismatch with the differences unless a version has the submitted content."""
    if version.digest != submission.content.digest:
        raise version_model.content_mismatch(
            version,
            submission.content,
            _differences(reader, version, submission),
            can_read=_can_read(context),
        )


def tag_taken(
    reader: Reader, context: RequestContext, version: Version, submission: VersionSubmission
) -> AlreadyExists:
    """Return the problem for a tag in use, with the differences from the submitted content."""
    return version_model.tag_taken(
        version.app, version.tag, _differences(reader, version, submission), can_read=_can_read(context)
    )


def _differences(
    reader: Reader, version: Version, submission: VersionSubmission
) -> tuple[FieldDifference, ...]:
    if version.digest == submission.content.digest:
        return ()
    return content_differences(version, version_rows.lock(reader, version.id), submission)


def _can_read(context: RequestContext) -> bool:
    """Return whether the caller may see the registered values, not only the names of fields."""
    return "versions:read" in context.principal.scopes
