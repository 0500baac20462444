"""How far the events of deployments are taken in: whoever answers from them must not answer from before one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite import insert

from envmgr.server.contracts.events import (
    AUTO_DEPLOY_SKIPPED,
    DEPLOYMENT_CREATED,
    DEPLOYMENT_DELETED,
    DEPLOYMENT_UPDATED,
    ENVIRONMENT_CREATED,
    ENVIRONMENT_DELETED,
    ENVIRONMENT_UPDATED,
)
from envmgr.server.kit.common.problems import Unavailable
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.messaging.dead_letters import has_buried
from envmgr.server.version.tables import heard

if TYPE_CHECKING:
    from envmgr.server.kit.common.events import Event
    from envmgr.server.kit.db.sql import Database, Reader, Transaction

PLACES, SOURCE = "version-places", "deployment"
"""The consumer of what deployments tell, and who tells it."""
TOLD = (
    *(DEPLOYMENT_CREATED, DEPLOYMENT_UPDATED, DEPLOYMENT_DELETED),
    *(ENVIRONMENT_CREATED, ENVIRONMENT_UPDATED, ENVIRONMENT_DELETED),
    AUTO_DEPLOY_SKIPPED,
)
"""Every type that deployments tell, also those that change no place: their numbers count as well."""
PATIENCE = 2.0
"""Seconds that an answer may wait for events."""
FIRST_LOOK, LATER_LOOKS = 0.005, 0.02
"""Seconds before looks at whether they came."""

_AT = Statement(select(heard.c.sequence).where(heard.c.source == bindparam("source")))
_new = insert(heard).values(source=bindparam("source"), sequence=bindparam("upto"))
_HEAR = Statement(
    _new.on_conflict_do_update(
        index_elements=["source"],
        set_={"sequence": _new.excluded.sequence},
        where=heard.c.sequence < _new.excluded.sequence,
    )
)


class NotHeardYet(Unavailable):
    """What was deployed last is not taken in."""

    title = "What was deployed last is not known here yet"


def hear(transaction: Transaction, event: Event) -> None:
    """Write down that everything up to an event was taken in, or buried."""
    transaction.run(_HEAR, source=event.service, upto=event.sequence)


async def wait(database: Database, upto: int, patience: float = PATIENCE) -> None:
    """Return when what deployments told up to a number is taken in. Raise NotHeardYet."""
    until, pause = time.monotonic() + patience, FIRST_LOOK
    while await database.lookup(_heard) < upto:
        if time.monotonic() > until:
            raise NotHeardYet("deployments were made that are still on their way here: ask again")
        await asyncio.sleep(pause)
        pause = LATER_LOOKS


def _heard(reader: Reader) -> int:
    if has_buried(reader, PLACES):
        raise NotHeardYet(
            "an event of a deployment could not be taken in, and the answer would be wrong: "
            "see `envmgr-alm dead-letters list`",
            retry_after=60,
        )
    row = reader.one(_AT, source=SOURCE)
    return int(row[0]) if row else 0
