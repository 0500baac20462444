"""SQL of versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, delete, select, update

from envmgr.server.contracts.resources import Artifact, Build, LockFile, Toolchain, Version
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.preconditions import require_updated
from envmgr.server.kit.db.constructs import insert_if_absent
from envmgr.server.kit.db.pagination import PagedQuery
from envmgr.server.kit.db.sql import Statement
from envmgr.server.version.store import lock_store
from envmgr.server.version.store.tables import metadata, version

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.db.sql import Reader, Row, Transaction
    from envmgr.server.version.domain.version_model import VersionMetadata, VersionSubmission

HEAD = "0001"
"""Migration revision that this code requires."""
__all__ = [
    "HEAD",
    "add",
    "find",
    "find_tag",
    "lock",
    "metadata",
    "of_app",
    "page",
    "remove",
    "update_metadata",
]

_select_columns = select(
    version.c.id,
    version.c.app_id,
    version.c.app,
    version.c.tag,
    version.c.changelog,
    version.c.commit,
    version.c.ref,
    version.c.artifacts,
    version.c.build,
    version.c.lock_digest,
    version.c.digest,
    version.c.created_at,
    version.c.updated_at,
    version.c.rev,
)
_BY_ID = Statement(_select_columns.where(version.c.id == bindparam("id")))
_BY_TAG = Statement(
    _select_columns.where(version.c.app_id == bindparam("app_id"), version.c.tag == bindparam("tag"))
)
_OF_APP = Statement(
    _select_columns.where(version.c.app_id == bindparam("app_id"))
    .order_by(version.c.id)
    .limit(bindparam("limit"))
)
_LOCK = Statement(
    select(version.c.lock_digest, version.c.dotfile).where(
        version.c.id == bindparam("id"), version.c.lock_digest.is_not(None)
    )
)
_INSERT = Statement(
    insert_if_absent(
        version,
        {
            **{column.name: bindparam(column.name) for column in version.c if column.name != "id"},
            "created_at": bindparam("now"),
            "updated_at": bindparam("now"),
            "rev": 1,
        },
        key=["app_id", "tag"],
    ).returning(version.c.id)
)
_UPDATE = Statement(
    update(version)
    .where(version.c.id == bindparam("version_id"), version.c.rev == bindparam("old_rev"))
    .values(
        changelog=bindparam("new_changelog"),
        ref=bindparam("new_ref"),
        artifacts=bindparam("new_artifacts"),
        build=bindparam("new_build"),
        updated_at=bindparam("now"),
        rev=version.c.rev + 1,
    )
)
_DELETE = Statement(
    delete(version).where(version.c.id == bindparam("version_id"), version.c.rev == bindparam("old_rev"))
)
_LISTING = PagedQuery(
    _select_columns,
    key=version.c.id,
    sorts={
        "id": version.c.id,
        "tag": version.c.tag,
        "created_at": version.c.created_at,
        "updated_at": version.c.updated_at,
    },
    filters={
        **{name: version.c[name] for name in ("app_id", "tag", "commit", "ref", "lock_digest")},
        "app": version.c.app_id,
    },
    app=version.c.app_id,
)
_encode = msgspec.json.Encoder().encode
_artifacts = msgspec.json.Decoder(tuple[Artifact, ...]).decode
_build = msgspec.json.Decoder(Build).decode


def find(reader: Reader, version_id: int) -> Version | None:
    """Return the version with this id."""
    row = reader.one(_BY_ID, id=version_id)
    return _version(row, _toolchains(reader)) if row else None


def find_tag(reader: Reader, app_id: int, tag: str) -> Version | None:
    """Return an app's version by its tag."""
    row = reader.one(_BY_TAG, app_id=app_id, tag=tag)
    return _version(row, _toolchains(reader)) if row else None


def of_app(reader: Reader, app_id: int, limit: int) -> list[Version]:
    """Return an app's oldest versions."""
    toolchain_of = _toolchains(reader)
    return [_version(row, toolchain_of) for row in reader.all(_OF_APP, app_id=app_id, limit=limit)]


def page(reader: Reader, paging: PageRequest, apps: frozenset[int] | None) -> Page[Version]:
    """Return a page of versions; optionally of these apps only."""
    toolchain_of = _toolchains(reader)
    return _LISTING.page(reader, paging, lambda row: _version(row, toolchain_of), apps)


def lock(reader: Reader, version_id: int) -> LockFile | None:
    """Return the lock that a version was built with, if it came with one."""
    row = reader.one(_LOCK, id=version_id)
    return LockFile(digest=row[0], lock=lock_store.lock(reader, row[0]), dotfile=row[1]) if row else None


def add(
    transaction: Transaction, app_id: int, app: str, tag: str, submission: VersionSubmission
) -> Version | None:
    """Insert a version with a stored lock; return None if its app has the tag."""
    content, notes = submission.content, submission.metadata
    digest = content.digest
    row = transaction.one(
        _INSERT,
        app_id=app_id,
        app=app,
        tag=tag,
        changelog=notes.changelog,
        commit=content.commit,
        ref=notes.ref,
        artifacts=_encode(content.artifacts).decode(),
        build=_encode(notes.build).decode(),
        lock_digest=content.lock_digest,
        dotfile=content.dotfile,
        digest=digest,
        now=transaction.now,
    )
    if row is None:
        return None
    at = rfc3339(transaction.now)
    return Version(
        id=row[0],
        app_id=app_id,
        app=app,
        tag=tag,
        changelog=notes.changelog,
        commit=content.commit,
        ref=notes.ref,
        artifacts=content.artifacts,
        build=notes.build,
        toolchain=Toolchain(lock_digest=content.lock_digest, tools=submission.tools),
        digest=digest,
        created_at=at,
        updated_at=at,
        rev=1,
    )


def update_metadata(
    transaction: Transaction, old: Version, metadata: VersionMetadata, artifacts: tuple[Artifact, ...]
) -> Version:
    """Write what may change of a version; raise PreconditionFailed."""
    count = transaction.execute(
        _UPDATE,
        version_id=old.id,
        old_rev=old.rev,
        new_changelog=metadata.changelog,
        new_ref=metadata.ref,
        new_artifacts=_encode(artifacts).decode(),
        new_build=_encode(metadata.build).decode(),
        now=transaction.now,
    )
    require_updated(count)
    return msgspec.structs.replace(
        old,
        changelog=metadata.changelog,
        ref=metadata.ref,
        artifacts=artifacts,
        build=metadata.build,
        updated_at=rfc3339(transaction.now),
        rev=old.rev + 1,
    )


def remove(transaction: Transaction, old: Version) -> None:
    """Delete a version, and its lock where no other was built with it; raise PreconditionFailed."""
    require_updated(transaction.execute(_DELETE, version_id=old.id, old_rev=old.rev))
    if old.toolchain.lock_digest is not None:
        lock_store.delete_unreferenced(transaction, old.toolchain.lock_digest)


def _toolchains(reader: Reader) -> Callable[[str | None], Toolchain]:
    """Create what reads toolchains, each once however many versions share it."""
    read: dict[str | None, Toolchain] = {None: Toolchain(lock_digest=None, tools=())}

    def toolchain_of(lock_digest: str | None) -> Toolchain:
        result = read.get(lock_digest)
        if result is None and lock_digest is not None:
            tools = lock_store.tools(reader, lock_digest)
            result = read[lock_digest] = Toolchain(lock_digest=lock_digest, tools=tools)
        return result or read[None]

    return toolchain_of


def _version(row: Row, toolchain_of: Callable[[str | None], Toolchain]) -> Version:
    (id_, app_id, app, tag, changelog, commit, ref, artifacts, build) = row[:9]
    lock_digest, digest, created_at, updated_at, rev = row[9:]
    return Version(
        id=id_,
        app_id=app_id,
        app=app,
        tag=tag,
        changelog=changelog,
        commit=commit,
        ref=ref,
        artifacts=_artifacts(artifacts),
        build=_build(build),
        toolchain=toolchain_of(lock_digest),
        digest=digest,
        created_at=rfc3339(created_at),
        updated_at=rfc3339(updated_at),
        rev=rev,
    )
