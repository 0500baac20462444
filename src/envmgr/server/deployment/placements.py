"""The projection of what stands where, so that nobody has to read history for it; and which apps there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, delete, func, select, union, update
from sqlalchemy.dialects.sqlite import insert

from envmgr.server.deployment import deletion_holds, tables
from envmgr.server.deployment.domain import Spot
from envmgr.server.kit.db.sql import Statement, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.server.contracts.resources import Deployment
    from envmgr.server.kit.common.context import Principal
    from envmgr.server.kit.common.events import Event
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

_encode = msgspec.json.Encoder().encode
_PLACE, _APP, _GONE = tables.place, tables.known_app, tables.gone_version
_HERE = (_PLACE.c.app_id == bindparam("of_app"), _PLACE.c.environment == bindparam("where"))
_FIND = Statement(
    select(
        _PLACE.c.current_id,
        _PLACE.c.current_version_id,
        _PLACE.c.current_tag,
        _PLACE.c.last_id,
        _PLACE.c.last_version_id,
        _PLACE.c.last_tag,
    ).where(*_HERE)
)
_LAST = ("last_id", "last_version_id", "last_tag", "last_status", "last_actor", "last_updated_at")
_TRY = Statement(
    insert(_PLACE)
    .values({name: bindparam(name) for name in ("app_id", "environment", "app", *_LAST)})
    .on_conflict_do_update(
        index_elements=["app_id", "environment"], set_={name: bindparam(name) for name in _LAST}
    )
)
_FOLLOW_LAST = Statement(
    update(_PLACE)
    .where(*_HERE, _PLACE.c.last_id == bindparam("which"))
    .values(last_status=bindparam("to_status"), last_updated_at=bindparam("now"))
)
_STAND = Statement(
    update(_PLACE)
    .where(*_HERE)
    .values(
        current_id=bindparam("now_id"),
        current_version_id=bindparam("now_version"),
        current_tag=bindparam("now_tag"),
        current_actor=bindparam("now_actor"),
        current_since=bindparam("now_at"),
    )
)
_RENAME = Statement(
    update(_PLACE).where(_PLACE.c.app_id == bindparam("of_app")).values(app=bindparam("called"))
)
_CLEAR = Statement(delete(_PLACE).where(_PLACE.c.app_id == bindparam("of_app")))
_DEPLOYMENT = tables.deployment
_COUNT_OF_APP = Statement(
    select(func.count()).select_from(
        union(
            select(_PLACE.c.environment).where(
                _PLACE.c.app_id == bindparam("which"), _PLACE.c.current_id.is_not(None)
            ),
            select(_DEPLOYMENT.c.environment).where(
                _DEPLOYMENT.c.app_id == bindparam("which"), tables.IS_ACTIVE
            ),
        ).subquery()
    )
)
_COUNT_OF_VERSION = Statement(
    select(func.count()).select_from(
        union(
            select(_PLACE.c.app_id, _PLACE.c.environment).where(
                _PLACE.c.current_version_id == bindparam("which")
            ),
            select(_DEPLOYMENT.c.app_id, _DEPLOYMENT.c.environment).where(
                _DEPLOYMENT.c.version_id == bindparam("which"), tables.IS_ACTIVE
            ),
        ).subquery()
    )
)
_ROWS = select(_PLACE)
_ALL = Statement(_ROWS.order_by(_PLACE.c.app_id, _PLACE.c.environment))
_ALL_IN = Statement(_ROWS.where(_PLACE.c.environment == bindparam("where")).order_by(_PLACE.c.app_id))
_KNOWN = ("app_id", "name", "sequence", "gone")
_KNOW = insert(_APP).from_select(_KNOWN, rows_of(*_KNOWN))
_LEARN = Statement(
    _KNOW.on_conflict_do_update(
        index_elements=["app_id"],
        set_={"name": _KNOW.excluded.name, "sequence": _KNOW.excluded.sequence, "gone": _KNOW.excluded.gone},
        where=_APP.c.sequence < _KNOW.excluded.sequence,
    )
)
_APP_NAME = Statement(select(_APP.c.name, _APP.c.gone).where(_APP.c.app_id == bindparam("app_id")))
_APPS = Statement(select(_APP.c.app_id, _APP.c.name).where(_APP.c.gone == 0).order_by(_APP.c.app_id))
_NAMES = func.json_each(bindparam("names")).table_valued("value")
_NAMED = Statement(select(_APP.c.app_id).where(_APP.c.name.in_(select(_NAMES.c.value)), tables.THERE_IS))
_MEET = Statement(
    insert(_APP)
    .values(app_id=bindparam("app_id"), name=bindparam("name"), sequence=0, gone=0)
    .on_conflict_do_nothing()
)
_BURY = Statement(insert(_GONE).values(version_id=bindparam("version_id")).on_conflict_do_nothing())
_IS_GONE = Statement(select(_GONE.c.version_id).where(_GONE.c.version_id == bindparam("version_id")))


def spot(reader: Reader, app_id: int, environment: str) -> Spot:
    """Return what stands in a place; nothing, where there is no such place."""
    row = reader.one(_FIND, of_app=app_id, where=environment)
    return Spot(*row) if row else Spot()


def try_(transaction: Transaction, deployment: Deployment) -> None:
    """Make a new deployment the last one that was tried in its place."""
    transaction.run(
        _TRY,
        app_id=deployment.app_id,
        environment=deployment.environment,
        app=deployment.app,
        last_id=deployment.id,
        last_version_id=deployment.version_id,
        last_tag=deployment.tag,
        last_status=deployment.status,
        last_actor=deployment.actor,
        last_updated_at=transaction.now,
    )


def follow(transaction: Transaction, deployment: Deployment) -> None:
    """Show a deployment's new state, if it is the last one that was tried in its place."""
    transaction.run(
        _FOLLOW_LAST,
        of_app=deployment.app_id,
        where=deployment.environment,
        which=deployment.id,
        to_status=deployment.status,
        now=transaction.now,
    )


def stand(transaction: Transaction, app_id: int, environment: str, deployment: Deployment | None) -> None:
    """Make a deployment what stands in a place from now on; or nothing."""
    transaction.run(
        _STAND,
        of_app=app_id,
        where=environment,
        now_id=deployment and deployment.id,
        now_version=deployment and deployment.version_id,
        now_tag=deployment and deployment.tag,
        now_actor=deployment and deployment.actor,
        now_at=deployment and transaction.now,
    )


def rename(transaction: Transaction, app_id: int, name: str) -> None:
    """Write an app's new name to its places."""
    transaction.run(_RENAME, of_app=app_id, called=name)


def clear(transaction: Transaction, app_id: int) -> None:
    """Remove the places of an app."""
    transaction.run(_CLEAR, of_app=app_id)


def count_of_app(reader: Reader, app_id: int) -> int:
    """Count the places where an app stands, or is on its way to."""
    return _count(reader.one(_COUNT_OF_APP, which=app_id))


def count_of_version(reader: Reader, version_id: int) -> int:
    """Count the places where a version stands, or is on its way to."""
    return _count(reader.one(_COUNT_OF_VERSION, which=version_id))


def rows(reader: Reader, environment: str | None) -> list[Row]:
    """Return every place, app by app; of one environment only, where it is named."""
    return reader.all(_ALL) if environment is None else reader.all(_ALL_IN, where=environment)


def learn(transaction: Transaction, event: Event, app_id: int, name: str, *, gone: bool) -> bool:
    """Write down what is new about an app; return whether it is, and not older than what is known."""
    return transaction.many(_LEARN, [(app_id, name, event.sequence, gone)]) == 1


def learn_all(transaction: Transaction, apps: Sequence[tuple[int, str, int]]) -> None:
    """Write down apps that are new: their ids, their names, and the number of the event that told of each."""
    transaction.many(_LEARN, [(*app, False) for app in apps])


def meet(transaction: Transaction, app_id: int, name: str) -> None:
    """Write down an app that no event has told of yet: whatever is deployed is of an app that is known."""
    transaction.run(_MEET, app_id=app_id, name=name)


def named(reader: Reader, names: Iterable[str]) -> frozenset[int]:
    """Return the apps that have these names now: not those that had them, and are gone or about to go."""
    found = reader.all(_NAMED, names=_encode(sorted(names)).decode())
    return frozenset(app_id for (app_id,) in found if not deletion_holds.is_leaving(reader, app_id))


def theirs(reader: Reader, principal: Principal) -> frozenset[int] | None:
    """Return the apps that are somebody's to see; None for all that there are and were."""
    return None if principal.apps is None else named(reader, principal.apps)


def name_of(reader: Reader, app_id: int, otherwise: str) -> str | None:
    """Return an app's name as far as is known here; None for an app that is gone."""
    row = reader.one(_APP_NAME, app_id=app_id)
    if row is None:
        return otherwise
    name, gone = row
    return None if gone else str(name)


def apps(reader: Reader) -> list[tuple[int, str]]:
    """Return every app that there is, by id and name."""
    return [(app_id, name) for app_id, name in reader.all(_APPS)]


def bury(transaction: Transaction, version_id: int) -> None:
    """Remember that a version is gone."""
    transaction.run(_BURY, version_id=version_id)


def is_gone(reader: Reader, version_id: int) -> bool:
    """Say whether a version is gone."""
    return reader.one(_IS_GONE, version_id=version_id) is not None


def _count(row: Row | None) -> int:
    return int(row[0]) if row else 0
