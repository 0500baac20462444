"""SQL of the audit log; triggers refuse changes and deletions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import (
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
)

from envmgr.kit.audit_log.sequence_gaps import subtract_ranges
from envmgr.server.audit.domain.log_model import Head, merge_ranges, sequence_conflict
from envmgr.server.audit.domain.log_statistics import AcceptedGaps, GapRange, LogCounters
from envmgr.server.contracts.events.recovery import SequenceGapRecorded
from envmgr.server.contracts.fields import MAX_SAFE_INTEGER
from envmgr.server.contracts.resources import AuditEntry, Checkpoint
from envmgr.server.kit.db.constructs import bind_columns, insert_rows, rows_of, upsert, values_of
from envmgr.server.kit.db.pagination import PagedQuery
from envmgr.server.kit.db.schema import CLUSTERED, Id, Text, Timestamp
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.messaging import consumer_offsets
from envmgr.server.kit.messaging.dead_letters import count_dead_letters

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import ColumnElement

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

CONSUMER = "audit-log"
HEAD = "0002"
"""Migration revision that this code requires."""

metadata = MetaData()
Tables(metadata)
log = Table(
    "log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
)
entry = Table(
    "entry",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("source_service", Text, nullable=False),
    Column("source_sequence", Id, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("timestamp", Timestamp, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("entry_id", "id", unique=True),
    Index("entry_source", "source_service", "source_sequence", unique=True),
    Index("entry_service", "source_service", "seq"),
    Index("entry_type", "event_type", "seq"),
    Index("entry_actor", "actor", "seq"),
    Index("entry_resource", "resource", "seq"),
    # Of what many entries share, a page of a span of time is read without sorting all of them, too.
    Index("entry_service_time", "source_service", "timestamp", "seq"),
    Index("entry_type_time", "event_type", "timestamp", "seq"),
    Index("entry_actor_time", "actor", "timestamp", "seq"),
    Index("entry_timestamp", "timestamp", "seq"),
)
source = Table(
    "source",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last", Id, nullable=False),
    Column("recorded", Id, nullable=False),
    **CLUSTERED,
)
checkpoint = Table(
    "checkpoint",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("seq", Id, nullable=False),
    Column("hash", Text, nullable=False),
    Column("timestamp", Timestamp, nullable=False),
    Column("previous", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("signature", Text, nullable=False),
)

_ORIGIN = Statement(select(log.c.origin))
_HEAD = Statement(select(entry.c.seq, entry.c.hash).order_by(entry.c.seq.desc()).limit(1))
_COLUMNS = tuple(column.name for column in entry.c)
_ADD = Statement(insert_rows(entry, rows_of(entry, *_COLUMNS)))
_BY_SEQ = Statement(select(entry).where(entry.c.seq == bindparam("seq")))
_NEWEST = Statement(select(entry).order_by(entry.c.seq.desc()).limit(bindparam("limit")))
_AFTER = Statement(
    select(entry).where(entry.c.seq > bindparam("after")).order_by(entry.c.seq).limit(bindparam("limit"))
)
_LAST_SEQUENCE = Statement(select(source.c.last).where(source.c.name == bindparam("service")))
_FIND_EVENT_ID = Statement(
    select(entry.c.id).where(
        entry.c.source_service == bindparam("service"), entry.c.source_sequence == bindparam("number")
    )
)
_GAPS = Statement(select(entry.c.payload).where(entry.c.event_type == SequenceGapRecorded.TYPE))
_COUNT_BETWEEN = Statement(
    select(func.count())
    .select_from(entry)
    .where(
        entry.c.source_service == bindparam("service"),
        entry.c.source_sequence.between(bindparam("first"), bindparam("last")),
    )
)
_OF_SOURCE = Statement(
    select(entry)
    .where(entry.c.source_service == bindparam("service"), entry.c.source_sequence > bindparam("after"))
    .order_by(entry.c.source_sequence)
    .limit(bindparam("limit"))
)
_NUMBERS = (
    select(
        entry.c.source_sequence.label("number"),
        func.lag(entry.c.source_sequence, 1, 0).over(order_by=entry.c.source_sequence).label("previous"),
    )
    .where(entry.c.source_service == bindparam("service"))
    .subquery()
)
_ABSENT_RANGES = Statement(
    select(_NUMBERS.c.previous + 1, _NUMBERS.c.number - 1)
    .where(_NUMBERS.c.number > _NUMBERS.c.previous + 1)
    .order_by(_NUMBERS.c.number)
)
_KNOWN_IDS = Statement(select(entry.c.id).where(entry.c.id.in_(values_of("ids", entry.c.id))))
_UPSERT_SOURCE = Statement(
    upsert(
        source,
        bind_columns("name", "last", "recorded"),
        key=["name"],
        update=lambda new: {
            "last": case((source.c.last > new.last, source.c.last), else_=new.last),
            "recorded": source.c.recorded + new.recorded,
        },
    )
)
_SOURCES = Statement(select(source.c.name, source.c.last, source.c.recorded).order_by(source.c.name))
_SIGNED_LAST = Statement(select(checkpoint).order_by(checkpoint.c.id.desc()).limit(1))
_SIGN = Statement(insert(checkpoint))

_FILTERS = {
    "actor": entry.c.actor,
    "event_type": entry.c.event_type,
    "source_service": entry.c.source_service,
}


def _is_at_or_below(resource: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition for entries of a resource and of all below it: one range of the index."""
    is_in_range = and_(entry.c.resource >= resource, entry.c.resource < resource + _AFTER_SLASH)
    return and_(is_in_range, or_(entry.c.resource == resource, entry.c.resource >= resource + "/"))


def _is_environment(folded: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition for entries of an environment in any case: within one range of the index.

    The range has only what was done to environments; deployments to them are resources of apps.
    """
    is_in_range = and_(
        entry.c.resource >= ENVIRONMENT_PREFIX,
        entry.c.resource < ENVIRONMENT_PREFIX.removesuffix("/") + _AFTER_SLASH,
    )
    return and_(is_in_range, func.lower(entry.c.resource) == folded)


ENVIRONMENT_PREFIX = "environment/"
_AFTER_SLASH = chr(ord("/") + 1)
_CONDITIONS = {"resource": _is_at_or_below, "environment": _is_environment}
_SORTS = {"seq": entry.c.seq, "timestamp": entry.c.timestamp}
_ALL = PagedQuery(
    select(entry), key=entry.c.seq, sorts=_SORTS, filters=_FILTERS, conditions=_CONDITIONS, default="-seq"
)
# Sorted by the bounded column, so that an index returns the page without reading the rest of the span.
_TIME_RANGE = PagedQuery(
    select(entry).where(entry.c.timestamp >= bindparam("since"), entry.c.timestamp < bindparam("until")),
    key=entry.c.seq,
    sorts=_SORTS,
    filters=_FILTERS,
    conditions=_CONDITIONS,
    default="-timestamp",
)
_CHECKPOINTS = PagedQuery(
    select(checkpoint), key=checkpoint.c.id, sorts={"seq": checkpoint.c.seq}, default="-seq"
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, object]).decode


def origin(reader: Reader) -> str:
    """Return the log's unique name."""
    row = reader.one(_ORIGIN)
    return str(row[0]) if row else ""


def head(reader: Reader) -> Head:
    """Return the end of the chain.

    A unit that appends reads this first, and must not run concurrently with another. The contract of units ensures
    that; for a runner that repeats conflicting units, an advisory lock here avoids the repetition.
    """
    row = reader.one(_HEAD)
    return Head(row[0], bytes.fromhex(row[1])) if row else Head()


def filter_new(reader: Reader, events: Iterable[EventEnvelope]) -> list[EventEnvelope]:
    """Return the events that the log lacks, without duplicates; raise SequenceConflict.

    The log is its own inbox: an event is known by its source and number for as long as the log exists.
    """
    fresh: list[EventEnvelope] = []
    last: dict[str, int] = {}
    seen_ids: dict[tuple[str, int], str] = {}
    for event in events:
        service, number = event.service, event.sequence
        if service not in last:
            row = reader.one(_LAST_SEQUENCE, service=service)
            last[service] = row[0] if row else 0
        recorded_id = seen_ids.get((service, number))
        if recorded_id is None and number <= last[service]:
            row = reader.one(_FIND_EVENT_ID, service=service, number=number)
            recorded_id = row[0] if row else None
        if recorded_id is None:
            seen_ids[service, number] = event.id
            fresh.append(event)
        elif recorded_id != event.id:
            raise sequence_conflict(event, recorded_id)
    return fresh


def append(transaction: Transaction, entries: Sequence[AuditEntry]) -> None:
    """Insert entries at the end."""
    transaction.execute_many(_ADD, [_row(item) for item in entries])
    numbers: dict[str, list[int]] = {}
    for item in entries:
        numbers.setdefault(item.source_service, []).append(item.source_sequence)
    for service, sequences in numbers.items():
        transaction.execute(_UPSERT_SOURCE, name=service, last=max(sequences), recorded=len(sequences))


def get(reader: Reader, seq: int) -> AuditEntry | None:
    """Return an entry."""
    row = reader.one(_BY_SEQ, seq=seq)
    return _entry(row) if row else None


def newest(reader: Reader, limit: int) -> list[AuditEntry]:
    """Return the newest entries, newest first."""
    return [_entry(row) for row in reader.all(_NEWEST, limit=limit)]


def after(reader: Reader, seq: int, limit: int) -> list[AuditEntry]:
    """Return the entries that follow one, oldest first."""
    return [_entry(row) for row in reader.all(_AFTER, after=seq, limit=limit)]


def page(reader: Reader, paging: PageRequest, since: int | None, until: int | None) -> Page[AuditEntry]:
    """Return a page of entries; with bounds, of events from `since` to before `until`."""
    paging = _fold_environment(paging)
    if since is None and until is None:
        return _ALL.page(reader, paging, _entry)
    span = {"since": 0 if since is None else since, "until": MAX_SAFE_INTEGER if until is None else until}
    return _TIME_RANGE.page(reader, paging, _entry, values=span)


def _fold_environment(paging: PageRequest) -> PageRequest:
    """Return a request whose filter by an environment ignores the case, as its name does."""
    others = dict(paging.filters)
    resource = str(others.pop("resource", ""))
    if not resource.startswith(ENVIRONMENT_PREFIX):
        return paging
    return replace(paging, filters={**others, "environment": resource.lower()})


def checkpoints(reader: Reader, paging: PageRequest) -> Page[Checkpoint]:
    """Return a page of checkpoints."""
    return _CHECKPOINTS.page(reader, paging, _checkpoint)


def last_checkpoint(reader: Reader) -> Checkpoint | None:
    """Return the newest checkpoint."""
    row = reader.one(_SIGNED_LAST)
    return _checkpoint(row) if row else None


def add_checkpoint(transaction: Transaction, new: Checkpoint) -> None:
    """Insert a checkpoint."""
    row = transaction.one(_SIGNED_LAST)
    transaction.execute(_SIGN, **msgspec.structs.asdict(new), id=row[0] + 1 if row else 1)


def counters(reader: Reader) -> LogCounters:
    """Return the counters, in time that does not depend on the length of the log."""
    last = last_checkpoint(reader)
    sources = reader.all(_SOURCES)
    recorded = {name: count for name, _, count in sources}
    offsets = consumer_offsets.get_all(reader, CONSUMER)
    # An offset also covers events that became dead letters after the newest entry.
    expected = {**offsets, **{name: max(latest, offsets.get(name, 0)) for name, latest, _ in sources}}
    return LogCounters(
        signed_seq=last.seq if last else 0,
        missing={name: latest - recorded.get(name, 0) for name, latest in expected.items()},
        recorded=recorded,
        dead_letters=count_dead_letters(reader, CONSUMER),
        head=head(reader),  # last: the log has at least the entries that are counted
    )


def accepted_gaps(reader: Reader, complete_ranges: Collection[GapRange]) -> AcceptedGaps:
    """Return the recorded losses; entries are counted for each range that is not known to be complete."""
    return AcceptedGaps(
        head(reader),
        {gap: 0 if gap in complete_ranges else _absent(reader, gap) for gap in _gap_ranges(reader)},
    )


def entries_of_service(reader: Reader, service: str, after: int, limit: int) -> list[AuditEntry]:
    """Return the entries of a service's events after a sequence, in its order."""
    return [_entry(row) for row in reader.all(_OF_SOURCE, service=service, after=after, limit=limit)]


def existing_event_ids(reader: Reader, ids: Iterable[str]) -> frozenset[str]:
    """Return which of these IDs of events the log has."""
    return frozenset(row[0] for row in reader.all(_KNOWN_IDS, ids=_encode(list(ids)).decode()))


def missing_ranges(reader: Reader, service: str) -> list[tuple[int, int]]:
    """Return the ranges of a service's events without entries, up to the newest entry.

    Recorded losses are not among them. Reads all entries of the service.
    """
    absent = [(int(first), int(last)) for first, last in reader.all(_ABSENT_RANGES, service=service)]
    accepted = [(gap.first, gap.last) for gap in _gap_ranges(reader) if gap.service == service]
    return list(subtract_ranges(absent, accepted))


def _gap_ranges(reader: Reader) -> list[GapRange]:
    """Return the ranges of events that were recorded as lost, without overlaps."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for (payload,) in reader.all(_GAPS):
        gap = msgspec.json.decode(payload, type=SequenceGapRecorded)
        ranges.setdefault(gap.service, []).append((gap.first, gap.last))
    return [
        GapRange(service, first, last)
        for service, gaps in ranges.items()
        for first, last in merge_ranges(gaps)
    ]


def _absent(reader: Reader, gap: GapRange) -> int:
    row = reader.one(_COUNT_BETWEEN, **gap._asdict())
    return gap.last - gap.first + 1 - (row[0] if row else 0)


def _row(entry: AuditEntry) -> tuple[object, ...]:
    payload = _encode(entry.payload).decode()
    return tuple([payload if name == "payload" else getattr(entry, name) for name in _COLUMNS])


def _entry(row: Row) -> AuditEntry:
    seq, id_, service, number, type_, actor, resource, payload, timestamp, prev_hash, hash_ = row
    return AuditEntry(
        seq=seq,
        id=id_,
        source_service=service,
        source_sequence=number,
        event_type=type_,
        event=type_,
        actor=actor,
        resource=resource,
        payload=_decode(payload),
        timestamp=timestamp,
        prev_hash=prev_hash,
        hash=hash_,
    )


def _checkpoint(row: Row) -> Checkpoint:
    _, origin_, seq, hash_, timestamp, previous, public_key, signature = row
    return Checkpoint(
        origin=origin_,
        seq=seq,
        hash=hash_,
        timestamp=timestamp,
        previous=previous,
        public_key=public_key,
        signature=signature,
    )
